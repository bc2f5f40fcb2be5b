"""Properties of sizing, pricing and filters over all inputs: bounds, monotonicity, no edge."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.situations import bar, decision_facts, facts, flat, forecast, rules

from tradinglab.domain.filters import floor_to
from tradinglab.domain.order import EnterIntent, Side
from tradinglab.engine.decision import Reason
from tradinglab.engine.edge import Edge
from tradinglab.engine.guards import cooldown_bars
from tradinglab.engine.policy import Policy
from tradinglab.engine.pricing import buy_discount, fraction_to_sell, sell_crossing, sell_urgency
from tradinglab.engine.sizing import (
    drawdown_throttle,
    exposure_fraction,
    kelly_multiplier,
    volatility_factor,
)
from tradinglab.engine.step import step

POLICY = Policy()
HOUR = 3_600_000
unit = st.floats(0, 1)
volatility = st.floats(1e-5, 0.2)
momentum = st.floats(-4, 4)


def edge_with(net_return: float) -> Edge:
    return Edge(net_return + 0.0025, 0.0025, net_return, 0.005, 0.025)


def size(
    net_return: float = 0.004, factor: float = 1.0, throttle: float = 1.0, trades: int = 100
) -> float:
    return exposure_fraction(edge_with(net_return), factor, throttle, 0.02, trades, True, POLICY)


@given(volatility, volatility)
def test_size_never_rises_with_volatility(first: float, second: float) -> None:
    low, high = sorted((first, second))
    facts_ = decision_facts()
    assert volatility_factor(low, facts_, POLICY, HOUR) >= volatility_factor(
        high, facts_, POLICY, HOUR
    )


@given(volatility)
def test_the_volatility_factor_stays_between_zero_and_its_maximum(value: float) -> None:
    assert 0 < volatility_factor(value, decision_facts(), POLICY, HOUR) <= 1


@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.integers(0, 5_000))
def test_size_never_falls_with_the_edge_and_is_zero_without_one(
    first: float, second: float, trades: int
) -> None:
    low, high = sorted((first, second))
    assert size(low, trades=trades) <= size(high, trades=trades) + 1e-12
    if low <= 0:
        assert size(low, trades=trades) == 0


@given(st.floats(-0.1, 0.5), unit, unit, st.integers(0, 10_000))
def test_size_stays_within_the_largest_exposure(
    net_return: float, factor: float, throttle: float, trades: int
) -> None:
    assert 0 <= size(net_return, factor, throttle, trades) <= POLICY.max_exposure_fraction


@given(st.floats(1e-9, 1e-4), st.integers(0, 1_000))
def test_size_reaches_zero_continuously_as_the_edge_does(tiny: float, trades: int) -> None:
    assert size(tiny, trades=trades) <= tiny / 0.005


@given(st.floats(1, 1e7), st.floats(1, 1e7), unit)
def test_the_throttle_is_one_at_the_peak_and_never_rises_with_drawdown(
    first: float, second: float, floor: float
) -> None:
    floor = min(floor, 0.99)
    low, high = sorted((first, second))
    assert drawdown_throttle(high, high, floor) == pytest.approx(1)
    assert drawdown_throttle(low, high, floor) <= drawdown_throttle(high, high, floor) + 1e-12
    assert 0 <= drawdown_throttle(low, high, floor) <= 1


@given(st.floats(-10, 1e9), st.floats(-10, 1e9))
def test_the_kelly_multiplier_rises_with_certainty_within_zero_and_one(
    first: float, second: float
) -> None:
    low, high = sorted((first, second))
    assert 0 <= kelly_multiplier(low) <= kelly_multiplier(high) + 1e-9 <= 1 + 1e-9


@given(volatility, unit, unit, momentum, momentum)
def test_the_discount_falls_with_confidence_and_momentum_and_is_never_a_premium(
    sigma: float, first: float, second: float, slow: float, fast: float
) -> None:
    low, high = sorted((first, second))
    slow, fast = sorted((slow, fast))
    assert buy_discount(sigma, low, fast, POLICY) >= buy_discount(sigma, high, fast, POLICY) >= 0
    assert buy_discount(sigma, low, slow, POLICY) >= buy_discount(sigma, low, fast, POLICY)
    assert buy_discount(sigma, low, slow, POLICY) <= 1.5 * POLICY.discount_volatilities * sigma


@given(unit, unit, st.floats(0, 50), st.floats(0, 50), momentum, momentum)
def test_urgency_is_monotone_in_each_input_and_within_zero_and_one(
    p_first: float, p_second: float, fall: float, other_fall: float, slow: float, fast: float
) -> None:
    low, high = sorted((p_first, p_second))
    fall, deeper = sorted((fall, other_fall))
    slow, fast = sorted((slow, fast))
    base = sell_urgency(low, fall, fast, 0.0, POLICY)
    assert 0 < base <= 1
    assert sell_urgency(high, fall, fast, 0.0, POLICY) >= base
    assert sell_urgency(low, deeper, fast, 0.0, POLICY) >= base
    assert sell_urgency(low, fall, slow, 0.0, POLICY) >= base
    assert sell_urgency(low, fall, fast, 1.0, POLICY) >= base


@given(unit, st.floats(0, 1e-4))
def test_the_part_sold_is_monotone_and_continuous_in_urgency(urgency: float, step_: float) -> None:
    here, there = fraction_to_sell(urgency, POLICY), fraction_to_sell(urgency + step_, POLICY)
    assert 0 <= here <= there <= 1
    assert there - here <= 10 * step_ + 1e-12


@given(unit, unit, volatility)
def test_a_sale_reaches_further_the_more_urgent_it_is(a: float, b: float, sigma: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= sell_crossing(low, sigma, POLICY) <= sell_crossing(high, sigma, POLICY)


@given(st.integers(0, 50), volatility)
def test_the_cooldown_never_shortens_with_losses(losses: int, sigma: float) -> None:
    assert cooldown_bars(losses, sigma, 0.005, POLICY) <= cooldown_bars(
        losses + 1, sigma, 0.005, POLICY
    )


positive = st.decimals("0.00000001", "100000", allow_nan=False, places=8)


@given(positive, st.sampled_from(["0.00000001", "0.00001", "0.001", "0.5", "1", "7"]))
def test_filters_never_round_up(value: Decimal, step_: str) -> None:
    floored = floor_to(value, Decimal(step_))
    assert floored <= value
    assert value - floored < Decimal(step_)
    assert rules().floor_quantity(value) <= value
    assert rules().floor_price(value) <= value


four = st.tuples(unit, unit, unit, unit).filter(lambda weights: sum(weights) > 0.01)


@given(four, volatility, momentum, st.floats(100, 100_000), st.integers(20, 1_000_000))
def test_every_entry_has_an_edge_passes_the_filters_and_is_paid_for(
    weights: tuple[float, ...], sigma: float, momentum_: float, close: float, quote: int
) -> None:
    close = round(close, 2)
    probabilities = tuple(weight / sum(weights) for weight in weights)
    state = flat(quote=Decimal(quote), peak_equity=float(quote))
    _, decision = step(
        state,
        bar(close),
        forecast(probabilities, volatility_per_bar=sigma, momentum=momentum_),
        facts(),
        POLICY,
    )
    entries = [intent for intent in decision.intents if isinstance(intent, EnterIntent)]
    assert bool(entries) == (decision.reason is Reason.ENTER)
    for entry in entries:
        assert decision.numbers["net_return"] > 0
        close_ = Decimal(repr(close))
        assert rules().violation(Side.BUY, entry.quantity, entry.limit_price, close_) is None
        cost = entry.quantity * entry.limit_price
        assert cost * Decimal("1.001") <= quote
        assert cost <= Decimal(quote) * Decimal(repr(POLICY.max_exposure_fraction))
        assert entry.stop_price < entry.limit_price < entry.take_profit_price
        assert rules().is_sellable(entry.protected_quantity, entry.stop_price)


tiny = st.floats(0, 1e-6)


@given(st.floats(1e-4, 0.2), tiny)
def test_size_changes_continuously_with_volatility(sigma: float, more: float) -> None:
    here = volatility_factor(sigma, decision_facts(), POLICY, HOUR)
    there = volatility_factor(sigma + more, decision_facts(), POLICY, HOUR)
    steepest = max(0.7 / (0.012 - 0.003), 0.6 / (8760**0.5 * sigma**2))
    assert abs(here - there) <= steepest * more + 1e-9


@given(st.floats(0.5, 1), tiny)
def test_the_throttle_is_continuous_in_equity(share: float, more: float) -> None:
    here = drawdown_throttle(share, 1.0, 0.8)
    there = drawdown_throttle(share + more, 1.0, 0.8)
    assert abs(here - there) <= 0.8 / (0.25 * 0.2) * more + 1e-9


@given(unit, st.floats(0, 10), momentum, st.floats(0, 5), tiny)
def test_urgency_is_continuous_in_each_input(
    bearish: float, fall: float, drift: float, overdue: float, more: float
) -> None:
    base = sell_urgency(bearish, fall, drift, overdue, POLICY)
    moved = (
        sell_urgency(bearish + more, fall, drift, overdue, POLICY),
        sell_urgency(bearish, fall + more, drift, overdue, POLICY),
        sell_urgency(bearish, fall, drift + more, overdue, POLICY),
        sell_urgency(bearish, fall, drift, overdue + more, POLICY),
    )
    assert all(abs(each - base) <= POLICY.urgency_bearish * more / 4 + 1e-9 for each in moved)


@given(volatility, unit, momentum, tiny)
def test_the_discount_is_continuous_in_each_input(
    sigma: float, confidence: float, drift: float, more: float
) -> None:
    base = buy_discount(sigma, confidence, drift, POLICY)
    for moved in (
        buy_discount(sigma + more, confidence, drift, POLICY),
        buy_discount(sigma, min(confidence + more, 1), drift, POLICY),
        buy_discount(sigma, confidence, drift + more, POLICY),
    ):
        assert abs(moved - base) <= 1.5 * POLICY.discount_volatilities * more + 1e-9


@given(st.integers(0, 50), volatility, volatility)
def test_the_cooldown_rises_with_volatility_within_half_and_twice(
    losses: int, first: float, second: float
) -> None:
    low, high = sorted((first, second))
    calm, wild = (cooldown_bars(losses, sigma, 0.005, POLICY) for sigma in (low, high))
    base = POLICY.cooldown_bars * (1 + POLICY.cooldown_per_loss * losses)
    assert base / 2 <= calm <= wild <= 2 * base + 1


@given(four, volatility, momentum, st.floats(0, 0.5))
def test_without_an_edge_there_is_no_trade_whatever_the_forecast(
    weights: tuple[float, ...], sigma: float, drift: float, cost: float
) -> None:
    probabilities = tuple(weight / sum(weights) for weight in weights)
    policy = POLICY.model_copy(update={"slippage_fraction": cost})
    _, decision = step(
        flat(),
        bar(),
        forecast(probabilities, volatility_per_bar=sigma, momentum=drift),
        facts(),
        policy,
    )
    if decision.numbers["net_return"] <= 0:
        assert (decision.reason, decision.intents) == (Reason.NO_EDGE, ())
