"""Labels: what the model is taught to foresee. They look ahead; nothing at serving time calls this.

Called by the trainer and by evaluation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradinglab.features.columns import FloatArray
from tradinglab.features.volatility import future_log_volatility

MOMENTUM_LIMIT = 4.0


@dataclass(frozen=True)
class Labels:
    """Per row, NaN (class −1) where the horizon is not complete.

    `returns`: log return over the horizon; `standardised`: over σ̂√H; `classes`: index in
    Direction's order; `momentum`: standardised, clipped to ±4; `log_volatility`: of the horizon.
    """

    returns: FloatArray
    standardised: FloatArray
    classes: NDArray[np.int64]
    momentum: FloatArray
    log_volatility: FloatArray


def horizon_returns(close: FloatArray, horizon_bars: int) -> FloatArray:
    """Log return from the close of t to that of t + horizon; NaN at the end."""
    result = np.full(len(close), np.nan)
    result[:-horizon_bars] = np.log(close[horizon_bars:] / close[:-horizon_bars])
    return result


def make_labels(
    close: FloatArray, log_volatility_baseline: FloatArray, horizon_bars: int, threshold: float
) -> Labels:
    """`threshold` is the training fold's median |z|, so that each class holds about a quarter.

    z = return over σ̂√H with σ̂ from data up to t: fixed thresholds on raw returns would let a
    forecast of volatility alone pass for skill.
    """
    returns = horizon_returns(close, horizon_bars)
    standardised = standardise(returns, log_volatility_baseline, horizon_bars)
    known = np.isfinite(standardised)
    classes = np.select(
        [~known, standardised > threshold, standardised >= 0, standardised >= -threshold],
        [-1, 0, 1, 2],
        default=3,
    ).astype(np.int64)
    return Labels(
        returns=returns,
        standardised=standardised,
        classes=classes,
        momentum=np.clip(standardised, -MOMENTUM_LIMIT, MOMENTUM_LIMIT),
        log_volatility=future_log_volatility(close, horizon_bars),
    )


def standardise(
    returns: FloatArray, log_volatility_baseline: FloatArray, horizon_bars: int
) -> FloatArray:
    """Return over σ̂√H."""
    return np.asarray(
        returns / (np.exp(log_volatility_baseline) * np.sqrt(horizon_bars)), np.float64
    )
