"""Makes the reference that drift is measured against. Called by the trainer, once per artifact."""

from typing import Final

import numpy as np

from tradinglab.domain.reference import EDGE_QUANTILES, Reference
from tradinglab.errors import DataError
from tradinglab.evaluation.stability import bin_counts, smoothed, stretch_indices
from tradinglab.features.columns import SNAPSHOT_COLUMNS, FloatArray

STRETCH_BARS: Final = 168
STRETCH_STEP: Final = 24


def make_reference(
    stationary_rows: FloatArray,
    *,
    prior: FloatArray,
    logit: FloatArray,
    log_loss: float,
    ece: float,
    ece_null: float,
    class_threshold: float,
    har_coefficients: FloatArray,
) -> Reference:
    """`stationary_rows` (n, 12): the training rows in time order, those with a NaN left out here.
    `prior` (4,); `logit` (4, k + 1) with the intercept last, or of size 0.

    Raises DataError when no stretch of STRETCH_BARS rows is left, or the rows are not twelve wide.
    """
    if stationary_rows.ndim != 2 or stationary_rows.shape[1] != len(SNAPSHOT_COLUMNS):
        raise DataError(f"stationary rows have shape {stationary_rows.shape}, expected (rows, 12)")
    rows = stationary_rows[np.isfinite(stationary_rows).all(axis=1)]
    if len(rows) < STRETCH_BARS:
        raise DataError(
            f"a reference needs at least {STRETCH_BARS} complete training rows, found {len(rows)}"
        )
    edges, fractions, largest = [], [], []
    for values in rows.T:
        bounds = np.quantile(values, EDGE_QUANTILES)
        expected = smoothed(bin_counts(values, bounds))
        found = stretch_indices(values, bounds, expected, STRETCH_BARS, STRETCH_STEP)
        edges.append(tuple(bounds.tolist()))
        fractions.append(tuple(expected.tolist()))
        largest.append(max(0.0, float(found.max())))
    return Reference(
        edges=tuple(edges),
        fractions=tuple(fractions),
        largest_psi=tuple(largest),
        stretch_bars=STRETCH_BARS,
        stretches=len(rows) // STRETCH_BARS,
        class_threshold=class_threshold,
        har_coefficients=tuple(har_coefficients.tolist()),
        prior=tuple(prior.tolist()),
        logit=tuple(tuple(row) for row in logit.tolist()) if logit.size else (),
        log_loss=log_loss,
        ece=ece,
        ece_null=ece_null,
    )
