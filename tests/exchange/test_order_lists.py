"""OCO and OTOCO: which order acts when, and what becomes of the others."""

from decimal import Decimal

from tests.exchange.engines import (
    engine,
    entry_with_protection,
    free,
    gap,
    locked,
    order,
    walk,
)

from tradinglab.domain.order import Side
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.orders import (
    Contingency,
    Order,
    OrderList,
    OrderStatus,
    OrderType,
)


def protected_holding(at: MatchingEngine) -> tuple[Order, Order]:
    group = OrderList(1, "group", Contingency.OCO, [1, 2], at.now)
    below = order(at, Side.SELL, OrderType.STOP_LOSS, stop="90", number=1, list_id=1)
    above = order(at, Side.SELL, OrderType.LIMIT_MAKER, price="110", number=2, list_id=1)
    at.submit_oco(group, [below, above])
    return below, above


def test_oco_locks_the_quantity_once() -> None:
    at = engine(coins="1")
    protected_holding(at)
    assert (free(at, "BTC"), locked(at, "BTC")) == (0, 1)


def test_oco_stop_expires_the_take_profit() -> None:
    at = engine()
    stop, profit = protected_holding(at)
    walk(at, "89")
    assert (stop.status, profit.status) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    assert locked(at, "BTC") == 0
    assert at.book.lists[1].done


def test_oco_take_profit_expires_the_stop() -> None:
    at = engine()
    stop, profit = protected_holding(at)
    walk(at, "111", "80")
    assert (stop.status, profit.status) == (OrderStatus.EXPIRED, OrderStatus.FILLED)
    assert [trade.price for trade in at.book.trades] == [110]


def test_canceling_one_leg_cancels_the_list_and_frees_the_funds() -> None:
    at = engine()
    stop, profit = protected_holding(at)
    at.cancel(profit, "cancel")
    assert (stop.status, profit.status) == (OrderStatus.CANCELED, OrderStatus.CANCELED)
    assert (free(at, "BTC"), locked(at, "BTC")) == (10, 0)


def test_pending_legs_hold_nothing_until_the_entry_fills() -> None:
    at = engine(coins="0")
    working, stop, profit = entry_with_protection(at)
    assert working.status is OrderStatus.NEW
    assert (stop.status, profit.status) == (OrderStatus.PENDING_NEW, OrderStatus.PENDING_NEW)
    assert (locked(at, "USDT"), locked(at, "BTC")) == (95, 0)


def test_filled_entry_starts_its_protection() -> None:
    at = engine(coins="0")
    working, stop, profit = entry_with_protection(at)
    walk(at, "94")
    assert working.status is OrderStatus.FILLED
    assert (stop.status, profit.status) == (OrderStatus.NEW, OrderStatus.NEW)
    assert locked(at, "BTC") == Decimal("0.99")


def test_entry_and_stop_inside_one_bar_both_execute() -> None:
    at = engine(coins="0")
    working, stop, profit = entry_with_protection(at)
    walk(at, "85")
    assert (working.status, stop.status) == (OrderStatus.FILLED, OrderStatus.FILLED)
    assert profit.status is OrderStatus.EXPIRED
    assert [trade.price for trade in at.book.trades] == [95, 90]


def test_gap_beyond_entry_and_stop_sells_at_the_gapped_price() -> None:
    at = engine(coins="0")
    _, stop, _ = entry_with_protection(at)
    gap(at, "85")
    assert stop.status is OrderStatus.FILLED
    assert [trade.price for trade in at.book.trades] == [95, 85]


def test_protection_larger_than_what_the_fee_left_is_rejected() -> None:
    at = engine(coins="0")
    working, stop, profit = entry_with_protection(at, quantity="1", pending="1")
    walk(at, "94")
    assert working.status is OrderStatus.FILLED
    assert (stop.status, profit.status) == (OrderStatus.REJECTED, OrderStatus.REJECTED)
    reasons = {e["r"] for e in at.take_events() if e.get("X") == "REJECTED"}
    assert reasons == {"INSUFFICIENT_BALANCES"}
    assert at.book.lists[1].done


def test_partly_filled_entry_has_no_protection_yet() -> None:
    at = engine(coins="0")
    at.partial_fraction = Decimal("0.5")
    working, stop, _ = entry_with_protection(at)
    walk(at, "94")
    assert (working.status, stop.status) == (
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.PENDING_NEW,
    )


def test_canceling_the_entry_ends_its_pending_legs() -> None:
    at = engine(coins="0")
    working, stop, profit = entry_with_protection(at)
    at.cancel(working, "cancel")
    assert {working.status, stop.status, profit.status} == {OrderStatus.CANCELED}
    assert at.book.lists[1].done
    assert locked(at, "USDT") == 0
