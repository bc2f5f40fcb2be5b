"""Checks an order against the pair's filters, with the exchange's own refusals.

Called by the trading operations before an order reaches the matching engine.
"""

from collections.abc import Iterable
from decimal import Decimal

from tradinglab_exchange.book import Book
from tradinglab_exchange.errors import filter_failure, order_rejected
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.orders import NO_LIST, Order


def _check_price(price: Decimal, instrument: Instrument) -> None:
    in_range = instrument.tick_size <= price <= instrument.max_price
    if not in_range or price % instrument.tick_size:
        raise filter_failure("PRICE_FILTER")


def _check_percent(price: Decimal, average: Decimal, instrument: Instrument) -> None:
    low = average * instrument.price_multiplier_down
    high = average * instrument.price_multiplier_up
    if not low <= price <= high:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def check_order(order: Order, instrument: Instrument, average: Decimal) -> None:
    """Raises ApiError -1013 naming the filter; `average` is the mean price of 5 minutes."""
    if order.type.has_limit:
        _check_price(order.price, instrument)
        _check_percent(order.price, average, instrument)
    if order.type.has_stop:
        _check_price(order.stop_price, instrument)
    if not instrument.step_size <= order.quantity <= instrument.max_quantity:
        raise filter_failure("LOT_SIZE")
    if order.quantity % instrument.step_size:
        raise filter_failure("LOT_SIZE")
    at_market = not order.type.has_limit
    if at_market and order.quantity > instrument.max_market_quantity:
        raise filter_failure("MARKET_LOT_SIZE")
    notional = order.quantity * (average if at_market else order.price)
    if notional < instrument.min_notional:
        raise filter_failure("NOTIONAL")
    if not at_market and notional > instrument.max_notional:
        raise filter_failure("NOTIONAL")


def check_counts(new: Iterable[Order], book: Book, instrument: Instrument) -> None:
    """Raises ApiError -1013 when the account would have too many open orders."""
    orders = [*book.open.values(), *new]
    if len(orders) > instrument.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")
    if sum(order.type.has_stop for order in orders) > instrument.max_algo_orders:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")
    if len({order.list_id for order in orders} - {NO_LIST}) > instrument.max_order_lists:
        raise filter_failure("MAX_NUM_ORDER_LISTS")


def _reference(order: Order) -> Decimal:
    return order.stop_price if order.type.has_stop else order.price


def check_oco_prices(above: Order, below: Order, last: Decimal | None = None) -> None:
    """The leg above must lie above the one below and, if given, the last price between them."""
    high, low = _reference(above), _reference(below)
    if not (high > low and (last is None or high > last > low)):
        raise order_rejected("The relationship of the prices for the orders is not correct.")
