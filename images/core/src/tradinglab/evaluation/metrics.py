"""Scores of forecasts against what came, with intervals that respect overlapping horizons.

Called by the trainer on out-of-fold rows and by the drift watch on realised forecasts; every array
is over rows in time order.
"""

import numpy as np
from numpy.typing import NDArray

from tradinglab.features.columns import FloatArray

CALIBRATION_BINS = 15
RESAMPLES = 1000
IntArray = NDArray[np.int64]


def log_losses(probabilities: FloatArray, classes: IntArray) -> FloatArray:
    chosen = probabilities[np.arange(len(classes)), classes]
    return np.asarray(-np.log(np.maximum(chosen, 1e-12)), np.float64)


def collapsed(probabilities: FloatArray, classes: IntArray) -> tuple[FloatArray, IntArray]:
    """The four classes as two: (n, 2) bullish and bearish, and 0 or 1."""
    bullish = probabilities[:, :2].sum(axis=1)
    return np.stack((bullish, 1 - bullish), axis=1), (classes >= 2).astype(np.int64)


def brier_score(probabilities: FloatArray, classes: IntArray) -> float:
    truth = np.eye(probabilities.shape[1])[classes]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def expected_calibration_error(confidence: FloatArray, correct: FloatArray) -> float:
    """ECE over equal-width bins of the top class's probability [Naeini et al. 2015]."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def calibration_null(probabilities: FloatArray, block: int, seed: int) -> float:
    """The 95th percentile of ECE that a perfectly calibrated model of this shape shows.

    Outcomes are drawn from the probabilities themselves, one draw per block of `block` rows,
    because overlapping horizons make neighbours share their outcome. They share a little less than
    all of it, so the bound is lenient: what lies beyond it is not chance.
    """
    rng = np.random.default_rng(seed)
    confidence, top = probabilities.max(axis=1), probabilities.argmax(axis=1)
    cumulative = np.cumsum(probabilities, axis=1)
    blocks = np.arange(len(top)) // block
    found = []
    for _ in range(200):
        draws = rng.random(blocks[-1] + 1)[blocks]
        drawn = (draws[:, None] > cumulative[:, :-1]).sum(axis=1)
        found.append(expected_calibration_error(confidence, (drawn == top).astype(np.float64)))
    return float(np.percentile(found, 95))


def block_means(values: FloatArray, block: int, seed: int) -> FloatArray:
    """Means of RESAMPLES circular block-bootstrap resamples [Politis & Romano 1992]."""
    rng = np.random.default_rng(seed)
    count = len(values)
    block = min(block, count)
    wrapped = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[:block])))))
    sums = wrapped[block : block + count] - wrapped[:count]
    picks = max(1, round(count / block))
    return np.asarray(
        sums[rng.integers(0, count, (RESAMPLES, picks))].sum(axis=1) / (picks * block), np.float64
    )


def qlike(log_volatility: FloatArray, realised_log_volatility: FloatArray) -> FloatArray:
    """QLIKE per row of variances: σ²/σ̂² − log(σ²/σ̂²) − 1 [Patton 2011]."""
    ratio = 2 * (realised_log_volatility - log_volatility)
    return np.asarray(np.exp(ratio) - ratio - 1, np.float64)


def direction_gain_needed(accuracy: float) -> float:
    """The log-loss gain over ½ of a forecaster that is right with this frequency and says so."""
    p = min(max(accuracy, 0.5), 1 - 1e-9)
    return float(np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p))
