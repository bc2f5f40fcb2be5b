"""The trailing stop: only up, only from closed bars since the entry, in place of the old stop."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.situations import EVEN, HOUR, NOW, bar, facts, forecast, holding, rules

from tradinglab.domain.order import StopIntent
from tradinglab.engine.indicators import Indicators
from tradinglab.engine.policy import Policy
from tradinglab.engine.protection import missing_protection
from tradinglab.engine.state import EngineState, Position
from tradinglab.engine.step import step
from tradinglab.engine.trailing import raised_stop, trailing_level

TRAILING = Policy(trailing_atr=3.0)


def position_of(state: EngineState) -> Position:
    assert state.position is not None
    return state.position


def indicators(*highs: float, atr: float = 100.0) -> Indicators:
    return Indicators(
        last_open_time=NOW, last_close=30_000, average_true_range=atr, bars_seen=99, highs=highs
    )


def test_the_level_is_the_highest_high_since_the_entry_less_three_ranges() -> None:
    seen = indicators(99_000.0, 31_000.0, 30_500.0)
    assert trailing_level(seen, NOW - 2 * HOUR, HOUR, TRAILING) == 31_000 - 300


def test_there_is_no_level_before_a_bar_has_closed_after_the_entry() -> None:
    assert trailing_level(indicators(31_000.0), NOW, HOUR, TRAILING) is None


def test_no_more_than_the_last_bars_count() -> None:
    policy = Policy(trailing_atr=3.0, trailing_bars=2)
    seen = indicators(32_000.0, 31_000.0, 30_500.0)
    assert trailing_level(seen, NOW - 9 * HOUR, HOUR, policy) == 31_000 - 300


@given(st.lists(st.floats(20_000, 60_000), min_size=1, max_size=40))
def test_the_stop_never_falls(highs: list[float]) -> None:
    state, before = holding(), Decimal(0)
    for number, high in enumerate(highs):
        candle = bar(20_000.0, number, high=high)
        state, _ = step(state, candle, forecast(EVEN, number), facts(), TRAILING)
        stop = position_of(state).stop_price
        assert stop >= before
        assert stop == rules().floor_price(stop)
        before = stop


def test_a_rise_smaller_than_a_step_moves_nothing() -> None:
    held = position_of(holding())
    near = indicators(float(held.stop_price) + 300 + 20)
    assert raised_stop(held, near, rules(), HOUR, TRAILING) == held
    far = indicators(float(held.stop_price) + 300 + 30)
    assert raised_stop(held, far, rules(), HOUR, TRAILING).is_trailing


def test_nothing_trails_unless_it_is_asked_for() -> None:
    held = position_of(holding())
    assert raised_stop(held, indicators(90_000.0), rules(), HOUR, Policy()) == held


def test_a_raised_stop_replaces_the_one_at_the_exchange_in_one_request() -> None:
    state = holding()
    raised = position_of(state).model_copy(
        update={"stop_price": Decimal(29_900), "is_trailing": True}
    )
    state = state.model_copy(update={"position": raised})
    price = Decimal(30_000)
    held = Decimal("0.05")
    intents = missing_protection(state, held, False, price, rules(), Decimal(29_600))
    assert intents == (StopIntent(held, Decimal(29_900)),)
    assert missing_protection(state, held, False, price, rules(), Decimal(29_900)) == ()


def test_a_trailing_position_above_its_old_take_profit_is_not_sold_for_that() -> None:
    state = holding()
    raised = position_of(state).model_copy(
        update={"stop_price": Decimal(30_700), "is_trailing": True}
    )
    state = state.model_copy(update={"position": raised})
    intents = missing_protection(state, Decimal(0), False, Decimal(31_000), rules())
    assert intents == (StopIntent(Decimal("0.05"), Decimal(30_700)),)
