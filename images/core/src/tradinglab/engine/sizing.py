"""Position size as a fraction of equity. Called by `step`; every function is pure and bounded."""

import math

from tradinglab.domain.forecast import DecisionFacts
from tradinglab.engine.edge import Edge
from tradinglab.engine.policy import Policy

YEAR_MILLISECONDS = 365 * 86_400_000


def volatility_factor(
    volatility_per_bar: float, facts: DecisionFacts, policy: Policy, bar_milliseconds: int
) -> float:
    """w_max + (w_min − w_max)·clip((σ̂ − σ₁₀)/(σ₉₀ − σ₁₀), 0, 1), then min(w, σ_target/σ̂).

    Linear interpolation between the training percentiles; the second part is volatility
    targeting (Moreira & Muir 2017). Never rises with σ̂.
    """
    width = max(facts.volatility_p90 - facts.volatility_p10, 1e-12)
    position = min(max((volatility_per_bar - facts.volatility_p10) / width, 0.0), 1.0)
    interpolated = policy.volatility_factor_max + position * (
        min(policy.volatility_factor_min, policy.volatility_factor_max)
        - policy.volatility_factor_max
    )
    target_per_bar = policy.target_volatility_annual * math.sqrt(
        bar_milliseconds / YEAR_MILLISECONDS
    )
    return min(interpolated, target_per_bar / volatility_per_bar)


def kelly_multiplier(t_statistic: float) -> float:
    """1/(1 + 1/t²): the best multiple of full Kelly when the edge is known with error 1/t.

    Source: Baker & McHale (2013), Optimal Betting Under Parameter Uncertainty. 0 for t ≤ 0.
    """
    if t_statistic <= 0:
        return 0.0
    if t_statistic > 1e6:
        return 1.0
    return t_statistic**2 / (1 + t_statistic**2)


def drawdown_throttle(equity: float, peak_equity: float, floor_fraction: float) -> float:
    """(W − aM)/W over its value at the peak: 1 without drawdown, 0 at W ≤ aM.

    Source: Grossman & Zhou (1993), Optimal Investment Strategies for Controlling Drawdowns.
    """
    if equity <= 0:
        return 0.0
    room = (equity - floor_fraction * peak_equity) / equity
    return min(max(room / (1 - floor_fraction), 0.0), 1.0)


def exposure_fraction(
    edge: Edge,
    factor: float,
    throttle: float,
    stop_distance_fraction: float,
    closed_trades: int,
    calibration_is_fresh: bool,
    policy: Policy,
) -> float:
    """w·c·clip(α·min(k, k_max)·f* + (1 − α)·f_fixed, 0, f_max), times the drawdown throttle.

    f* = ê/σ̂²_H (Kelly 1956, continuous form; Thorp 2006), f_fixed = risk per trade over stop
    distance (Tharp), α = n/(n + 200): Kelly gains weight with evidence. 0 when ê ≤ 0.
    """
    if edge.net_return <= 0 or stop_distance_fraction <= 0:
        return 0.0
    multiplier = min(kelly_multiplier(edge.net_return / edge.standard_error), policy.kelly_cap)
    kelly = (
        multiplier * edge.net_return / edge.horizon_volatility**2 if calibration_is_fresh else 0.0
    )
    weight = closed_trades / (closed_trades + policy.kelly_half_trades)
    fixed = policy.risk_per_trade_fraction / stop_distance_fraction
    blend = weight * kelly + (1 - weight) * fixed
    return factor * edge.confidence * min(max(blend, 0.0), policy.max_exposure_fraction) * throttle
