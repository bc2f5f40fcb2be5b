"""Prices and urgency: where to buy, how much to sell and how hard. Called by `step`.

Every function is continuous and monotone in each input; nothing flips at a threshold.
"""

import math

from tradinglab.engine.policy import Policy


def buy_discount(
    volatility_per_bar: float, confidence: float, momentum: float, policy: Policy
) -> float:
    """d₀·σ̂·(1 − confidence)·(1 − ½·tanh(momentum)), as a fraction of the last price.

    A limit order earns the spread but may not fill; the surer the forecast and the stronger the
    momentum, the less is asked for. Within [0, 1.5·d₀·σ̂].
    """
    return (
        policy.discount_volatilities
        * volatility_per_bar
        * (1 - confidence)
        * (1 - 0.5 * math.tanh(momentum))
    )


def sell_urgency(
    bearish_probability: float,
    fall_in_atr: float,
    momentum: float,
    overdue_horizons: float,
    policy: Policy,
) -> float:
    """logistic(a·(P(bearish) − ½) + b·fall in ATR − c·momentum + e·overdue), in (0, 1).

    `overdue_horizons` is the time held beyond the forecast's horizon, in horizons, 0 before.
    """
    exponent = (
        policy.urgency_bearish * (bearish_probability - 0.5)
        + policy.urgency_drawdown * fall_in_atr
        - policy.urgency_momentum * momentum
        + policy.urgency_overdue * overdue_horizons
    )
    return 1 / (1 + math.exp(-min(max(exponent, -50.0), 50.0)))


def fraction_to_sell(urgency: float, policy: Policy) -> float:
    """Smoothstep 3x² − 2x³ between `urgency_hold` and `urgency_full`: 0 below, 1 above."""
    width = max(policy.urgency_full - policy.urgency_hold, 1e-12)
    position = min(max((urgency - policy.urgency_hold) / width, 0.0), 1.0)
    return position * position * (3 - 2 * position)


def sell_crossing(urgency: float, volatility_per_bar: float, policy: Policy) -> float:
    """How far below the last price a sale may go, as a fraction: x₀·σ̂·urgency."""
    return policy.crossing_volatilities * volatility_per_bar * urgency
