"""Drift of a market and of a model's results: one function, measured by the bot and by tests.

Called by the bot once a day of the market. Pure; needs numpy and nothing heavier.
"""

from typing import Final

import numpy as np

from tradinglab.domain.drift import Drift, FeatureDrift, OutcomeDrift
from tradinglab.domain.reference import Reference
from tradinglab.evaluation.metrics import (
    IntArray,
    block_means,
    calibration_null,
    expected_calibration_error,
    log_losses,
)
from tradinglab.evaluation.stability import bin_counts, smoothed, stability_index
from tradinglab.features.columns import SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.labels import Labels, make_labels
from tradinglab.features.volatility import har_forecast, har_terms

# A feature has drifted when its newest stretch is this much further from the training data than
# any stretch of it was. With fewer stretches "any" says too little: of N + 1 alike stretches the
# newest is the most unlike with probability 1/(N + 1), for each of the twelve.
PSI_MARGIN: Final = 1.5
PSI_FLOOR: Final = 0.25
MINIMUM_STRETCHES: Final = 52
# Overlapping horizons share their outcome: n forecasts are n / horizon observations.
MINIMUM_OBSERVATIONS: Final = 20.0
# Measured daily for months on the same growing sample, a customary 5 % limit would be passed by
# chance sooner or later; four standard errors are passed in about 2 % of quarters.
LIMIT_ERRORS: Final = 4.0
LOG_LOSS_TOLERANCE: Final = 0.02
ECE_TOLERANCE: Final = 0.02
SEED: Final = 0


def measure_drift(
    reference: Reference,
    stationary_rows: FloatArray,
    probabilities: FloatArray,
    classes: IntArray,
    horizon_bars: int,
) -> Drift:
    """`stationary_rows` (n, 12): of the bars since the training's data end, oldest first.
    `probabilities` (m, 4) and `classes` (m,): of the forecasts since the promotion whose outcome
    is known, in time order.

    Feature limit: max(0.25, 1.5 · the largest PSI of a training stretch), over the newest stretch.
    Log-loss limit: expected + max(0.02, 4 standard errors of the block bootstrap, blocks of two
    horizons as in the gate). ECE limit: the 95 % null of these very forecasts + max(0.02, what the
    gate itself found above its null).
    """
    finite = stationary_rows[np.isfinite(stationary_rows).all(axis=1)]
    notes: list[str] = []
    features: tuple[FeatureDrift, ...] = ()
    outcomes: OutcomeDrift | None = None
    if reference.stretches < MINIMUM_STRETCHES:
        notes.append(
            f"the training held {reference.stretches} stretches of {reference.stretch_bars} bars, "
            f"expected at least {MINIMUM_STRETCHES} to know which features are unusual"
        )
    elif len(finite) < reference.stretch_bars:
        notes.append(f"{len(finite)} bars since the training, expected {reference.stretch_bars}")
    else:
        features = _feature_drift(reference, finite[-reference.stretch_bars :])
    observations = len(classes) / horizon_bars
    if observations < MINIMUM_OBSERVATIONS:
        notes.append(
            f"{len(classes)} forecasts have an outcome, expected at least "
            f"{round(MINIMUM_OBSERVATIONS * horizon_bars)}"
        )
    else:
        outcomes = _outcome_drift(reference, probabilities, classes, horizon_bars)
    return Drift(
        bars=len(finite),
        forecasts=len(classes),
        effective_forecasts=observations,
        features=features,
        outcomes=outcomes,
        findings=(*_feature_findings(features), *_outcome_findings(outcomes)),
        notes=tuple(notes),
    )


def labels_that_came(
    reference: Reference, close: FloatArray, bar_milliseconds: int, horizon_bars: int
) -> Labels:
    """The trainer's labels of consecutive closes; class −1 within the first 30 days, for which
    log-HAR has no baseline, and where the horizon is not over."""
    baseline = har_forecast(
        har_terms(close, bar_milliseconds), np.asarray(reference.har_coefficients)
    )
    return make_labels(close, baseline, horizon_bars, reference.class_threshold)


def _feature_drift(reference: Reference, rows: FloatArray) -> tuple[FeatureDrift, ...]:
    return tuple(
        FeatureDrift(
            name=name,
            psi=float(
                stability_index(
                    smoothed(bin_counts(rows[:, i], np.asarray(reference.edges[i]))),
                    np.asarray(reference.fractions[i]),
                )
            ),
            limit=max(PSI_FLOOR, PSI_MARGIN * reference.largest_psi[i]),
        )
        for i, name in enumerate(SNAPSHOT_COLUMNS)
    )


def _outcome_drift(
    reference: Reference, probabilities: FloatArray, classes: IntArray, horizon_bars: int
) -> OutcomeDrift:
    losses = log_losses(probabilities, classes)
    means = block_means(losses, 2 * horizon_bars, SEED)
    low, high = np.percentile(means, (2.5, 97.5))
    correct = (probabilities.argmax(axis=1) == classes).astype(np.float64)
    null = calibration_null(probabilities, horizon_bars, SEED)
    return OutcomeDrift(
        log_loss=float(losses.mean()),
        log_loss_low=float(low),
        log_loss_high=float(high),
        log_loss_expected=reference.log_loss,
        log_loss_limit=reference.log_loss
        + max(LOG_LOSS_TOLERANCE, LIMIT_ERRORS * float(means.std())),
        ece=expected_calibration_error(probabilities.max(axis=1), correct),
        ece_null=null,
        ece_limit=null + max(ECE_TOLERANCE, reference.ece - reference.ece_null),
    )


def _feature_findings(features: tuple[FeatureDrift, ...]) -> tuple[str, ...]:
    return tuple(
        f"PSI of {each.name} is {each.psi:.2f}, limit {each.limit:.2f}"
        for each in features
        if each.psi > each.limit
    )


def _outcome_findings(found: OutcomeDrift | None) -> tuple[str, ...]:
    if found is None:
        return ()
    findings = []
    if found.log_loss > found.log_loss_limit:
        findings.append(
            f"log-loss is {found.log_loss:.3f} where {found.log_loss_expected:.3f} was expected, "
            f"limit {found.log_loss_limit:.3f}"
        )
    if found.ece > found.ece_limit:
        findings.append(f"calibration error is {found.ece:.3f}, limit {found.ece_limit:.3f}")
    return tuple(findings)
