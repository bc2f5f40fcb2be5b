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

    HAC variance with lag horizon − 1 and the correction of Harvey, Leybourne & Newbold 1997.
    """
    count = len(differences)
    centred = differences - differences.mean()
    lag = min(horizon - 1, count - 2)
    variance = float(centred @ centred) / count
    for k in range(1, lag + 1):
        weight = 1 - k / (lag + 1)  # Bartlett, so that the variance is not negative
        variance += 2 * weight * float(centred[k:] @ centred[:-k]) / count
    if variance <= 0:
        return 0.5
    h = lag + 1
    correction = max((count + 1 - 2 * h + h * (h - 1) / count) / count, 1e-6)
    statistic = differences.mean() / np.sqrt(variance / count) * np.sqrt(correction)
    return float(stats.t.sf(statistic, df=count - 1))
