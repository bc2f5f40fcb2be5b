"""The population stability index: how differently two samples fall into the same bins.

Called by the reference's making and by the measurement of drift, so that both count alike.

PSI = Σᵢ (qᵢ − pᵢ)·ln(qᵢ/pᵢ) over bins with fractions p (expected) and q (found): the symmetrised
Kullback–Leibler divergence [Siddiqi 2006, ch. 6]. It is not free of bias: without any drift its
expectation is about (bins − 1)·(1/n + 1/N) for n and N independent rows [Yurdakul 2018]. Hourly
features are far from independent (168 rows of ATR hold a few observations), so the customary
limit 0.25 would fire almost always: a limit must come from stretches of the training data itself.
"""

import numpy as np

from tradinglab.features.columns import FloatArray

HALF_ROW = 0.5  # added to every bin (Krichevsky–Trofimov), so that an empty one stays finite


def smoothed(counts: FloatArray) -> FloatArray:
    """Counts (…, bins) as fractions that sum to 1 and are never 0."""
    added = counts + HALF_ROW
    return np.asarray(added / added.sum(axis=-1, keepdims=True), np.float64)


def bin_counts(values: FloatArray, edges: FloatArray) -> FloatArray:
    """How many of `values` (n,) lie in each of the len(edges) + 1 bins; a value on an edge counts
    above it."""
    bins = np.searchsorted(edges, values, side="right")
    return np.bincount(bins, minlength=len(edges) + 1).astype(np.float64)


def stability_index(found: FloatArray, expected: FloatArray) -> FloatArray:
    """PSI of fractions (…, bins) against (bins,); ≥ 0, and 0 only where both are equal."""
    return np.asarray(((found - expected) * np.log(found / expected)).sum(axis=-1), np.float64)


def stretch_indices(
    values: FloatArray, edges: FloatArray, expected: FloatArray, stretch: int, step: int
) -> FloatArray:
    """PSI of every stretch of `stretch` rows of `values` (n,), a new one each `step` rows."""
    bins = np.searchsorted(edges, values, side="right")
    running = np.zeros((len(values) + 1, len(edges) + 1), np.int32)
    running[np.arange(1, len(values) + 1), bins] = 1
    np.cumsum(running, axis=0, out=running)
    starts = np.arange(0, len(values) - stretch + 1, step)
    counts = (running[starts + stretch] - running[starts]).astype(np.float64)
    return stability_index(smoothed(counts), expected)
