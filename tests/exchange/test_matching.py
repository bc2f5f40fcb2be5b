"""When single orders fill, at what price, and what they cost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.engines import engine, free, gap, locked, order, placed, walk

from tradinglab.domain.order import Side
from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.orders import OrderStatus, OrderType, TimeInForce


def test_market_buy_pays_half_the_spread_and_the_fee_in_coins() -> None:
    at = engine(half_spread="0.001")
    bought = placed(at, Side.BUY, OrderType.MARKET)
    assert bought.status is OrderStatus.FILLED
    assert bought.executed_quote == Decimal("100.10")
    assert free(at, "USDT") == Decimal("9899.90")
    assert free(at, "BTC") == Decimal("10.999")


def test_market_sell_receives_money_less_spread_and_fee() -> None:
    at = engine(half_spread="0.001")
    placed(at, Side.SELL, OrderType.MARKET)
    assert free(at, "USDT") == 10_000 + Decimal("99.90") * Decimal("0.999")
    assert free(at, "BTC") == 9


def test_limit_buy_does_not_fill_when_the_price_only_touches_it() -> None:
    at = engine()
    resting = placed(at, Side.BUY, OrderType.LIMIT, price="95")
    walk(at, "95")
    assert resting.status is OrderStatus.NEW


def test_limit_buy_fills_at_its_price_once_the_market_trades_through() -> None:
    at = engine()
    resting = placed(at, Side.BUY, OrderType.LIMIT, price="95")
    walk(at, "94.99")
    assert resting.status is OrderStatus.FILLED
    assert resting.executed_quote == 95
    assert at.book.trades[0].is_maker


def test_limit_sell_fills_only_above_its_price() -> None:
    at = engine()
    resting = placed(at, Side.SELL, OrderType.LIMIT, price="105")
    walk(at, "105")
    assert resting.status is OrderStatus.NEW
    walk(at, "105.01")
    assert resting.status is OrderStatus.FILLED


def test_marketable_limit_takes_at_the_better_price() -> None:
    at = engine()
    taken = placed(at, Side.BUY, OrderType.LIMIT, price="120")
    assert taken.executed_quote == 100
    assert not at.book.trades[0].is_maker
    assert locked(at, "USDT") == 0


@pytest.mark.parametrize("kind", [TimeInForce.IOC, TimeInForce.FOK])
def test_immediate_limit_that_cannot_fill_expires(kind: TimeInForce) -> None:
    at = engine()
    hopeless = order(at, Side.BUY, OrderType.LIMIT, price="90", time_in_force=kind)
    at.submit(hopeless)
    assert hopeless.status is OrderStatus.EXPIRED
    assert locked(at, "USDT") == 0


def test_limit_maker_that_would_take_is_refused() -> None:
    at = engine()
    with pytest.raises(ApiError, match="immediately match and take"):
        placed(at, Side.BUY, OrderType.LIMIT_MAKER, price="100")


def test_stop_loss_triggers_on_touch_and_fills_at_the_stop_inside_a_bar() -> None:
    at = engine()
    stop = placed(at, Side.SELL, OrderType.STOP_LOSS, stop="90")
    walk(at, "85")
    assert stop.status is OrderStatus.FILLED
    assert stop.executed_quote == 90


def test_stop_loss_fills_at_the_first_price_after_a_gap() -> None:
    at = engine()
    stop = placed(at, Side.SELL, OrderType.STOP_LOSS, stop="90")
    gap(at, "85")
    assert stop.executed_quote == 85


def test_stop_that_would_trigger_at_once_is_refused() -> None:
    at = engine()
    with pytest.raises(ApiError, match="trigger immediately"):
        placed(at, Side.SELL, OrderType.STOP_LOSS, stop="100")


def test_stop_limit_rests_when_a_gap_leaves_its_limit_behind() -> None:
    at = engine()
    stop = placed(at, Side.SELL, OrderType.STOP_LOSS_LIMIT, stop="90", price="89")
    gap(at, "85")
    assert stop.status is OrderStatus.NEW
    assert stop.working_time == at.now
    walk(at, "89.01")
    assert stop.executed_quote == 89


def test_take_profit_triggers_on_the_way_up() -> None:
    at = engine()
    take = placed(at, Side.SELL, OrderType.TAKE_PROFIT, stop="110")
    walk(at, "109.99")
    assert take.status is OrderStatus.NEW
    walk(at, "110")
    assert take.executed_quote == 110


def test_buy_stop_that_cannot_be_paid_after_a_gap_expires() -> None:
    at = engine(money="110")
    stop = placed(at, Side.BUY, OrderType.STOP_LOSS, stop="110")
    gap(at, "150")
    assert stop.status is OrderStatus.EXPIRED
    assert free(at, "USDT") == 110


def test_orders_on_one_path_fill_in_the_order_the_price_reaches_them() -> None:
    at = engine()
    stop = placed(at, Side.SELL, OrderType.STOP_LOSS, stop="92")
    entry = placed(at, Side.BUY, OrderType.LIMIT, price="95")
    walk(at, "90")
    assert [trade.order_id for trade in at.book.trades] == [entry.order_id, stop.order_id]


def test_open_order_locks_its_funds_and_cancel_gives_them_back() -> None:
    at = engine()
    resting = placed(at, Side.BUY, OrderType.LIMIT, quantity="2", price="95")
    assert (free(at, "USDT"), locked(at, "USDT")) == (9810, 190)
    at.cancel(resting, "cancel")
    assert resting.status is OrderStatus.CANCELED
    assert (free(at, "USDT"), locked(at, "USDT")) == (10_000, 0)


def test_order_beyond_the_free_balance_is_refused_and_changes_nothing() -> None:
    at = engine(money="100")
    with pytest.raises(ApiError, match="insufficient balance"):
        placed(at, Side.BUY, OrderType.LIMIT, quantity="2", price="95")
    assert not at.book.orders
    assert free(at, "USDT") == 100


def test_partial_fill_leaves_the_rest_for_the_next_tick() -> None:
    at = engine()
    at.partial_fraction = Decimal("0.4")
    resting = placed(at, Side.BUY, OrderType.LIMIT, price="95")
    walk(at, "94")
    assert (resting.status, resting.executed) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal("0.4"),
    )
    walk(at, "93")
    assert resting.status is OrderStatus.FILLED


_PRICES = st.integers(5_000, 20_000).map(lambda cents: Decimal(cents) / 100)


@given(
    steps=st.lists(
        st.tuples(_PRICES, st.booleans(), st.sampled_from(list(OrderType)), _PRICES, _PRICES),
        max_size=30,
    ),
    buys=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_money_is_neither_made_nor_lost(
    steps: list[tuple[Decimal, bool, OrderType, Decimal, Decimal]], buys: list[bool]
) -> None:
    at = engine()
    for (target, smooth, kind, price, stop), buy in zip(steps, buys, strict=False):
        made = order(
            at,
            Side.BUY if buy else Side.SELL,
            kind,
            price=str(price if kind.has_limit else 0),
            stop=str(stop if kind.has_stop else 0),
        )
        try:
            at.submit(made)
        except ApiError:
            assert made.order_id not in at.book.orders
        at.move(target, at.now + 1, continuous=smooth)
    bought = [t for t in at.book.trades if t.side is Side.BUY]
    sold = [t for t in at.book.trades if t.side is Side.SELL]
    coins = 10 + sum(t.quantity - t.commission for t in bought) - sum(t.quantity for t in sold)
    money = 10_000 + sum(t.quote - t.commission for t in sold) - sum(t.quote for t in bought)
    assert free(at, "BTC") + locked(at, "BTC") == coins
    assert free(at, "USDT") + locked(at, "USDT") == money
    for asset, side in (("BTC", Side.SELL), ("USDT", Side.BUY)):
        held = sum((o.locked for o in at.book.open.values() if o.side is side), ZERO)
        assert locked(at, asset) == held
        assert free(at, asset) >= 0
