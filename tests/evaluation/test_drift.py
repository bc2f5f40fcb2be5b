"""Drift: silent while nothing changed, loud when a feature or the results went wrong."""

import numpy as np
import pytest
from pydantic import ValidationError
from tests.evaluation.references import (
    HORIZON,
    calibrated_forecasts,
    random_reference,
    reference_of,
    stationary_of,
)
from tests.market_data import real_bars

from tradinglab.domain.drift import Drift, DriftState
from tradinglab.domain.reference import Reference
from tradinglab.errors import DataError
from tradinglab.evaluation.drift import labels_that_came, measure_drift
from tradinglab.evaluation.metrics import log_losses
from tradinglab.evaluation.reference import STRETCH_BARS
from tradinglab.features.columns import SNAPSHOT_COLUMNS

NO_ROWS = np.empty((0, 12))
NO_FORECASTS = np.empty((0, 4)), np.empty(0, np.int64)


def alike(rows: int = STRETCH_BARS, seed: int = 9):
    return np.random.default_rng(seed).normal(size=(rows, 12))


def test_too_little_of_both_is_insufficient_and_says_what_is_lacking():
    drift = measure_drift(random_reference(), alike(100), *NO_FORECASTS, HORIZON)
    assert drift.state is DriftState.INSUFFICIENT
    assert not drift.asks_for_training
    assert drift.reason == (
        "100 bars since the training, expected 168; "
        "0 forecasts have an outcome, expected at least 480"
    )


def test_a_training_of_few_stretches_judges_no_feature():
    reference = reference_of(alike(51 * STRETCH_BARS + 100))
    drift = measure_drift(reference, alike() + 50, *NO_FORECASTS, HORIZON)
    assert drift.state is DriftState.INSUFFICIENT
    assert "the training held 51 stretches" in drift.reason


def test_rows_like_the_training_are_steady():
    drift = measure_drift(random_reference(), alike(), *NO_FORECASTS, HORIZON)
    assert drift.state is DriftState.STEADY
    assert len(drift.features) == 12


@pytest.mark.parametrize("poison", [lambda x: x + 6, lambda x: 0 * x, lambda x: 9 * x])
@pytest.mark.parametrize("column", range(12))
def test_one_poisoned_feature_asks_for_a_training_by_name(column, poison):
    rows = alike()
    rows[:, column] = poison(rows[:, column])
    drift = measure_drift(random_reference(), rows, *NO_FORECASTS, HORIZON)
    assert drift.asks_for_training
    assert drift.reason.startswith(f"PSI of {SNAPSHOT_COLUMNS[column]} is ")
    assert len(drift.findings) == 1


def test_only_the_newest_stretch_counts():
    rows = np.concatenate((alike() + 9, alike(seed=4)))
    drift = measure_drift(random_reference(), rows, *NO_FORECASTS, HORIZON)
    assert drift.state is DriftState.STEADY


def test_real_years_after_the_training_rarely_drift_and_a_poisoned_feed_does():
    rows = stationary_of(real_bars())
    split = 3 * 365 * 24
    reference = reference_of(rows[:split])
    days = range(split + STRETCH_BARS, len(rows), 24)
    drifted = [
        measure_drift(reference, rows[:day], *NO_FORECASTS, HORIZON).asks_for_training
        for day in days
    ]
    assert len(drifted) > 3 * 365
    assert np.mean(drifted) <= 0.01
    quiet = next(day for day, each in zip(days, drifted, strict=True) if not each)
    for column, name in enumerate(SNAPSHOT_COLUMNS):
        never_so_high = np.ptp(rows[:split, column])
        for factor, added in ((0, 0), (1, never_so_high)):
            poisoned = rows[quiet - STRETCH_BARS : quiet].copy()
            poisoned[:, column] = factor * poisoned[:, column] + added
            drift = measure_drift(reference, poisoned, *NO_FORECASTS, HORIZON)
            assert drift.asks_for_training, name


def test_calibrated_forecasts_are_steady_in_nearly_all_quarters():
    """Daily looks at a sample that grows from 20 to 90 days, of 40 quarters without drift."""
    expected = float(log_losses(*calibrated_forecasts(200_000, 99)).mean())
    reference = random_reference(log_loss=expected)
    asked = 0
    for seed in range(40):
        probabilities, classes = calibrated_forecasts(90 * 24, seed)
        looks = (
            measure_drift(reference, NO_ROWS, probabilities[:n], classes[:n], HORIZON)
            for n in range(480, 90 * 24 + 1, 5 * 24)
        )
        asked += any(each.asks_for_training for each in looks)
    assert asked <= 3


def test_forecasts_that_turned_wrong_ask_for_a_training():
    probabilities, classes = calibrated_forecasts(960, 1)
    expected = float(log_losses(probabilities, classes).mean())
    turned = (probabilities.argmax(axis=1) + 2) % 4
    drift = measure_drift(
        random_reference(log_loss=expected), NO_ROWS, probabilities, turned, HORIZON
    )
    assert drift.asks_for_training
    assert "log-loss is" in drift.reason
    assert drift.outcomes is not None
    assert drift.outcomes.log_loss_low <= drift.outcomes.log_loss <= drift.outcomes.log_loss_high


def test_overconfident_forecasts_ask_for_a_training():
    probabilities, classes = calibrated_forecasts(960, 1)
    sharp = probabilities**8 / (probabilities**8).sum(axis=1, keepdims=True)
    drift = measure_drift(random_reference(log_loss=9.0), NO_ROWS, sharp, classes, HORIZON)
    assert drift.asks_for_training
    assert "calibration error is" in drift.reason


def test_a_measurement_survives_its_json():
    probabilities, classes = calibrated_forecasts(960, 1)
    drift = measure_drift(random_reference(), alike() + 6, probabilities, classes, HORIZON)
    assert Drift.model_validate_json(drift.model_dump_json()) == drift


def test_the_reference_survives_its_json():
    reference = random_reference(logit=np.arange(20.0).reshape(4, 5))
    assert Reference.model_validate_json(reference.model_dump_json()) == reference


def test_a_constant_feature_makes_a_reference_and_no_drift():
    training = alike(60 * STRETCH_BARS)
    training[:, 4] = 0.0
    rows = alike()
    rows[:, 4] = 0.0
    drift = measure_drift(reference_of(training), rows, *NO_FORECASTS, HORIZON)
    assert drift.state is DriftState.STEADY


def test_a_reference_of_too_few_rows_is_refused():
    with pytest.raises(DataError, match="at least 168 complete training rows, found 100"):
        reference_of(alike(100))


def test_edges_that_descend_are_refused():
    values = random_reference().model_dump()
    values["edges"] = (tuple(reversed(values["edges"][0])), *values["edges"][1:])
    with pytest.raises(ValidationError, match="expected ascending"):
        Reference.model_validate(values)


def test_classes_are_those_of_the_trainer_and_unknown_at_both_ends():
    bars = real_bars(2000)
    labels = labels_that_came(random_reference(), bars["close"].to_numpy(), 3_600_000, HORIZON)
    known = np.flatnonzero(labels.classes >= 0)
    assert (known[0], known[-1]) == (719, 2000 - HORIZON - 1)
    strong = labels.standardised[known] > 0.6
    assert (labels.classes[known][strong] == 0).all()
