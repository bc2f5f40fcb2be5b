"""What a bar's fills cost and which of them happens: stops before profits, liquidity, fees."""

from decimal import Decimal

import pytest
from tests.exchange.engines import START, engine, entry_with_protection, free, order, placed, walk

from tradinglab.domain.order import Side
from tradinglab.fills.costs import Costs, FeeDiscount
from tradinglab.fills.crossing import Ahead, path
from tradinglab_exchange.account import Account, Balance
from tradinglab_exchange.book import Book
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.orders import OrderStatus, OrderType, TimeInForce


def to(at: MatchingEngine, price: str, low: str, high: str, available: str | None = None) -> None:
    at.move(
        Decimal(price),
        at.now + 1,
        continuous=True,
        available=None if available is None else Decimal(available),
        ahead=Ahead(Decimal(low), Decimal(high)),
    )


def test_stop_wins_when_the_bar_holds_both_legs() -> None:
    at = engine()
    _, stop, profit = entry_with_protection(at)
    walk(at, "94", "100")
    to(at, "115", low="85", high="115")
    assert (stop.status, profit.status) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    assert stop.executed_quote / stop.executed == 90


def test_profit_is_taken_when_the_rest_of_the_bar_stays_above_the_stop() -> None:
    at = engine()
    _, stop, profit = entry_with_protection(at)
    walk(at, "94", "100")
    to(at, "115", low="95", high="115")
    assert (stop.status, profit.status) == (OrderStatus.EXPIRED, OrderStatus.FILLED)


def test_opening_beyond_the_profit_takes_it_whatever_the_bar_does_then() -> None:
    at = engine()
    _, stop, profit = entry_with_protection(at)
    walk(at, "94", "100")
    ahead = Ahead(Decimal(80), Decimal(115))
    at.move(Decimal(112), at.now + 1, continuous=False, ahead=ahead)
    assert (stop.status, profit.status) == (OrderStatus.EXPIRED, OrderStatus.FILLED)


def test_price_goes_on_from_where_it_was_after_a_stop_that_won() -> None:
    at = engine()
    entry_with_protection(at)
    walk(at, "94", "100")
    between = placed(at, Side.BUY, OrderType.LIMIT, price="92")
    to(at, "115", low="85", high="115")
    assert between.status is OrderStatus.NEW
    assert at.last == 115


def test_limit_orders_share_the_liquidity_of_a_tick_in_the_order_they_are_reached() -> None:
    at = engine()
    first = placed(at, Side.BUY, OrderType.LIMIT, price="96")
    second = placed(at, Side.BUY, OrderType.LIMIT, price="95")
    to(at, "94", low="94", high="94", available="1.4")
    assert (first.executed, second.executed) == (1, Decimal("0.4"))
    assert second.status is OrderStatus.PARTIALLY_FILLED
    to(at, "93", low="93", high="93", available="1")
    assert second.status is OrderStatus.FILLED


def test_immediate_limit_takes_what_there_is_and_expires() -> None:
    at = engine()
    to(at, "100", low="100", high="100", available="0.3")
    taken = order(at, Side.BUY, OrderType.LIMIT, price="101", time_in_force=TimeInForce.IOC)
    at.submit(taken)
    assert (taken.status, taken.executed) == (OrderStatus.EXPIRED, Decimal("0.3"))
    assert at.book.account.balance("USDT").locked == 0


def test_fill_or_kill_takes_all_or_nothing() -> None:
    at = engine()
    to(at, "100", low="100", high="100", available="0.3")
    killed = order(at, Side.BUY, OrderType.LIMIT, price="101", time_in_force=TimeInForce.FOK)
    at.submit(killed)
    assert (killed.status, killed.executed) == (OrderStatus.EXPIRED, 0)


def test_triggered_stop_sells_everything_however_thin_the_market() -> None:
    at = engine()
    stop = placed(at, Side.SELL, OrderType.STOP_LOSS, stop="90")
    to(at, "85", low="85", high="85", available="0")
    assert stop.status is OrderStatus.FILLED


def priced(**costs: object) -> MatchingEngine:
    balances = {"BTC": "10", "USDT": "10000", "BNB": "0.0002"}
    book = Book(Account({name: Balance(Decimal(amount)) for name, amount in balances.items()}))
    given = {"maker_fee": "0.001", "taker_fee": "0.001", "half_spread": "0", **costs}
    made = {k: Decimal(v) if isinstance(v, str) else v for k, v in given.items()}
    return MatchingEngine(Instrument("BTC", "USDT"), book, Costs(**made), Decimal(100), START)


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "100.61"), (Side.SELL, "99.40")])
def test_market_orders_pay_spread_and_slippage(side: Side, price: str) -> None:
    at = priced(half_spread="0.001", slippage="0.005")
    done = placed(at, side, OrderType.MARKET)
    assert done.executed_quote == Decimal(price)


def test_resting_limit_pays_neither_spread_nor_slippage() -> None:
    at = priced(half_spread="0.001", slippage="0.005")
    resting = placed(at, Side.BUY, OrderType.LIMIT, price="95")
    walk(at, "94")
    assert resting.executed_quote == 95


def test_fees_in_bnb_are_discounted_until_there_is_not_enough() -> None:
    at = priced(discount=FeeDiscount("BNB", Decimal(500), Decimal("0.75")))
    placed(at, Side.BUY, OrderType.MARKET)
    placed(at, Side.BUY, OrderType.MARKET)
    first, second = at.book.trades
    assert (first.commission, first.commission_asset) == (Decimal("0.00015"), "BNB")
    assert (second.commission, second.commission_asset) == (Decimal("0.001"), "BTC")
    assert free(at, "BNB") == Decimal("0.00005")
    assert free(at, "BTC") == Decimal("11.999")


def test_a_bar_goes_to_the_extreme_far_from_its_close_first() -> None:
    assert path(10.0, 12.0, 9.0, 11.0) == (10.0, 9.0, 12.0, 11.0)
    assert path(11.0, 12.0, 9.0, 10.0) == (11.0, 12.0, 9.0, 10.0)
