"""Challenger against champion: two procedures on the same folds, by their out-of-fold losses.

Called by the run. A difference counts only where Diebold and Mariano's test finds it.
"""

import numpy as np
from scipy import stats

from tradinglab.artifact.manifest import Comparison
from tradinglab.features.columns import FloatArray

SIGNIFICANCE = 0.05


def compare(challenger: FloatArray, champion: FloatArray, horizon_bars: int) -> Comparison:
    """Of the log-losses of the same rows in time order, both (n,)."""
    difference = challenger - champion
    if not difference.any():
        return Comparison.INCONCLUSIVE
    if diebold_mariano(difference, horizon_bars) < SIGNIFICANCE:
        return Comparison.WORSE
    if diebold_mariano(-difference, horizon_bars) < SIGNIFICANCE:
        return Comparison.BETTER
    return Comparison.INCONCLUSIVE


def diebold_mariano(differences: FloatArray, horizon: int) -> float:
    """One-sided p-value that the mean loss difference is > 0 (the first is worse).

    Variance of overlapping horizons: all autocovariances up to horizon − 1, each whole; where that
    sum is not positive, Bartlett's weights over three horizons. With the correction of Harvey,
    Leybourne & Newbold 1997.
    """
    count = len(differences)
    centred = differences - differences.mean()
    h = min(horizon, count - 1)
    lags = min(3 * h, count - 1)
    covariances = [float(centred[k:] @ centred[: count - k]) / count for k in range(lags)]
    variance = covariances[0] + 2 * sum(covariances[1:h])
    if variance <= 0:
        variance = covariances[0] + 2 * sum(
            (1 - k / lags) * covariance for k, covariance in enumerate(covariances[1:], 1)
        )
    if variance <= 0:
        return 0.5
    correction = max((count + 1 - 2 * h + h * (h - 1) / count) / count, 1e-6)
    statistic = differences.mean() / np.sqrt(variance / count) * np.sqrt(correction)
    return float(stats.t.sf(statistic, df=count - 1))
