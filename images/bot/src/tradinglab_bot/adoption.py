"""Orders under our name that the ledger lacks: it is older than the account, as after a restore.

Called at the start, before anything is booked. What they did is this bot's doing, never money from
outside; so they are taken into the ledger, or the start ends.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

from tradinglab.adapters.ledger.encoding import LIST_LEG
from tradinglab.domain.order import (
    ID_PREFIX,
    EnterIntent,
    ExitIntent,
    Fill,
    Intent,
    Leg,
    OrderReport,
    OrderType,
    ProtectIntent,
    Side,
    StopIntent,
)
from tradinglab.errors import HaltTrading
from tradinglab_bot.books import Books

log = logging.getLogger(__name__)

Group = tuple[str, str]  # what comes before and after the leg in the ids of one intent's orders


async def adopt_unknown(books: Books) -> None:
    """Cancels entries that nobody decided, then adopts what filled and what rests under our name.

    Raises ExchangeUnavailable, or HaltTrading for a fill of ours that cannot be placed surely.
    """
    await _cancel_entries(books)
    resting = [order for order in await books.broker.open_orders() if _is_lacking(books, order)]
    fills = await books.broker.fills_after(books.ledger.last_trade_id())
    filled = await _orders_of(books, fills)
    sells = [order for order in resting if _is_ours(order)]
    # Without a position, what rests belongs to a ledger that was given up; a person looks at it.
    wanted = filled + sells if filled or books.state.position is not None else []
    groups = list(dict.fromkeys(_group(order) for order in wanted))
    if groups:
        await _adopt(books, groups)
    adopted = set(groups)
    for order in resting:
        if not (_is_ours(order) and _group(order) in adopted):
            _report(books, order, "left alone")


def _is_ours(order: OrderReport) -> bool:
    return order.client_id.startswith(ID_PREFIX)


def _is_lacking(books: Books, order: OrderReport) -> bool:
    """An intent without an answer is asked for by its ids: its orders are not lacking."""
    awaited = {
        written.order_id(leg)
        for written in books.ledger.unanswered_intents()
        for leg in written.legs
    }
    return order.client_id not in awaited and books.ledger.origin_of(order.exchange_id) is None


def _group(order: OrderReport) -> Group:
    before, _, last = order.client_id.rpartition("-")
    return before, last[1:]


async def _cancel_entries(books: Books) -> None:
    for order in await books.broker.open_orders():
        if _is_ours(order) and order.side is Side.BUY and _is_lacking(books, order):
            await books.broker.cancel(order)
            _report(books, order, "cancelled")


def _report(books: Books, order: OrderReport, what: str) -> None:
    text = (
        f"order {order.client_id} ({order.side} {order.quantity} at {order.price}) is open at the "
        f"exchange and not in the ledger: {what}"
    )
    log.warning(text)
    with books.ledger.transaction():
        books.ledger.add_alert("error", text)


async def _orders_of(books: Books, fills: Iterable[Fill]) -> list[OrderReport]:
    """Our orders that filled and that the ledger lacks; those of others are left out."""
    found = []
    for number in dict.fromkeys(fill.exchange_order_id for fill in fills):
        if books.ledger.origin_of(number) is not None:
            continue
        order = await books.broker.find_order_number(number)
        if order is None:
            raise _doubt(f"order {number} filled and is unknown to the exchange now")
        if _is_ours(order) and _is_lacking(books, order):
            found.append(order)
    return found


async def _adopt(books: Books, groups: list[Group]) -> None:
    bar = books.ledger.last_decided_bar()
    if bar is None:
        raise _doubt(f"{len(groups)} orders of this bot are newer than the ledger's first decision")
    found = [await _rebuilt(books, group) for group in groups]
    text = "the ledger is older than the account: adopted from the exchange " + ", ".join(
        order.client_id for _, orders in found for order, _ in orders
    )
    with books.ledger.transaction():
        for intent, orders in found:
            books.ledger.adopt(bar, intent, orders)
        books.ledger.add_alert("error", text)
    log.warning(text)


async def _rebuilt(books: Books, group: Group) -> tuple[Intent, list[tuple[OrderReport, Leg]]]:
    """The intent that the orders of these ids came from, and they."""
    before, after = group
    found = {leg: await books.broker.find_order(f"{before}-{leg}{after}") for leg in Leg}
    orders = {leg: order for leg, order in found.items() if order is not None}
    intent = _intent(orders)
    if intent is None:
        names = ", ".join(order.client_id for order in orders.values()) or f"{before}-*{after}"
        raise _doubt(f"{names}: these orders are no entry with its stop, no stop and no sale")
    if isinstance(intent, EnterIntent | ProtectIntent):
        name = f"{before}-{LIST_LEG}{after}"
        orders = {leg: replace(order, list_client_id=name) for leg, order in orders.items()}
    return intent, [(order, leg) for leg, order in orders.items()]


def _intent(orders: dict[Leg, OrderReport]) -> Intent | None:
    legs = set(orders)
    if legs == {Leg.EXIT}:
        order = orders[Leg.EXIT]
        limit = None if order.type == OrderType.MARKET else order.price
        return ExitIntent(order.quantity, limit)
    stop = orders.get(Leg.STOP)
    if stop is None or stop.stop_price is None:
        return None
    if legs == {Leg.STOP}:
        return StopIntent(stop.quantity, stop.stop_price)
    if legs == {Leg.STOP, Leg.TAKE_PROFIT}:
        return ProtectIntent(stop.quantity, stop.stop_price, orders[Leg.TAKE_PROFIT].price)
    if legs == {Leg.STOP, Leg.TAKE_PROFIT, Leg.ENTRY}:
        entry = orders[Leg.ENTRY]
        return EnterIntent(
            quantity=entry.quantity,
            limit_price=entry.price,
            protected_quantity=stop.quantity,
            stop_price=stop.stop_price,
            take_profit_price=orders[Leg.TAKE_PROFIT].price,
        )
    return None


def _doubt(what: str) -> HaltTrading:
    return HaltTrading(
        f"{what}; the ledger is older than the account and cannot be brought up to it: put a newer "
        "copy back, or end the position at the exchange and start with a new ledger. Stops at the "
        "exchange stay"
    )
