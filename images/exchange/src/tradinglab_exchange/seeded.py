"""A generated market with regimes: bull, bear and range phases that persist.

Called when the source is `seeded`. Bar i depends only on the seed and the bars before it, never
on how many are asked for: random numbers are drawn in blocks, each from its own generator.

Per bar: log return r = d·σ + σ·z (plus a pull to the phase's first price in a range), with d in
{+0.35, −0.35, 0} by regime, σ = base · exp(slow AR(1)) · √(GARCH-like memory of z²).
"""

import math
from collections.abc import Iterator
from enum import IntEnum

import numpy as np

from tradinglab_exchange.candles import INTERVAL_MS, Candle

FIRST_OPEN_TIME = 1_704_067_200_000  # 2024-01-01T00:00Z
FIRST_PRICE = 42_000.0
MEAN_REGIME_BARS = 120
DRIFT = 0.35
_HOURLY_VOLATILITY = 0.006
_BLOCK = 4096
_SLOW_MEMORY, _SLOW_DEVIATION = 0.98, 0.35
_CLUSTER_MEMORY, _CLUSTER_WEIGHT = 0.90, 0.08
_RANGE_PULL = 0.05
_MEAN_HOURLY_VOLUME = 1500.0


class Regime(IntEnum):
    RANGE = 0
    BULL = 1
    BEAR = -1


def _draws(seed: int, block: int) -> Iterator[tuple[float, ...]]:
    """Per bar: return, slow volatility, upper wick, lower wick, volume (normal); two uniforms."""
    generator = np.random.default_rng((seed, block))
    normal = generator.standard_normal((_BLOCK, 5))
    uniform = generator.random((_BLOCK, 2))
    return map(tuple, np.hstack([normal, uniform]).tolist())


def _next_regime(current: Regime, log_distance: float, uniform: float) -> Regime:
    """One of the two others; far above the first price a fall is likelier, and the reverse."""
    rising = 1.0 / (1.0 + math.exp(log_distance))
    if current is Regime.RANGE:
        return Regime.BULL if uniform < rising else Regime.BEAR
    opposite = Regime.BEAR if current is Regime.BULL else Regime.BULL
    to_opposite = rising if opposite is Regime.BULL else 1.0 - rising
    return opposite if uniform < to_opposite else Regime.RANGE


def candles_with_regimes(seed: int, timeframe: str) -> Iterator[tuple[Candle, Regime]]:
    """Endless; the regime is the one the bar was drawn in."""
    interval = INTERVAL_MS[timeframe]
    hours = interval / 3_600_000
    base = _HOURLY_VOLATILITY * math.sqrt(hours)
    slow_step = _SLOW_DEVIATION * math.sqrt(1 - _SLOW_MEMORY**2)
    price, anchor, regime = FIRST_PRICE, FIRST_PRICE, Regime.RANGE
    slow, cluster, open_time, block = 0.0, 1.0, FIRST_OPEN_TIME, 0
    while True:
        for shock, slow_shock, up, down, busy, switch, choice in _draws(seed, block):
            if switch < 1.0 / MEAN_REGIME_BARS:
                regime = _next_regime(regime, math.log(price / FIRST_PRICE), choice)
                anchor = price
            slow = _SLOW_MEMORY * slow + slow_step * slow_shock
            volatility = base * math.exp(slow - _SLOW_DEVIATION**2 / 2) * math.sqrt(cluster)
            cluster = (1 - _CLUSTER_MEMORY - _CLUSTER_WEIGHT) + cluster * (
                _CLUSTER_MEMORY + _CLUSTER_WEIGHT * shock * shock
            )
            change = volatility * (DRIFT * regime + shock)
            if regime is Regime.RANGE:
                change -= _RANGE_PULL * math.log(price / anchor)
            close = max(round(price * math.exp(change), 2), 1.0)
            high = round(max(price, close) * math.exp(0.4 * volatility * abs(up)), 2)
            low = round(min(price, close) * math.exp(-0.4 * volatility * abs(down)), 2)
            volume = round(
                _MEAN_HOURLY_VOLUME
                * hours
                * (volatility / base) ** 1.2
                * (0.6 + 0.4 * abs(shock))
                * math.exp(0.3 * busy - 0.045),
                5,
            )
            yield Candle(open_time, price, high, max(low, 0.01), close, max(volume, 0.001)), regime
            price = close
            open_time += interval
        block += 1


def candles(seed: int, timeframe: str) -> Iterator[Candle]:
    """Endless, from 2024-01-01T00:00Z on; prices in ticks of 0.01."""
    return (candle for candle, _ in candles_with_regimes(seed, timeframe))
