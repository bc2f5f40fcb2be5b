"""Folds are purged, gaps are left out, and what is fitted knows nothing of later rows."""

from itertools import pairwise

import numpy as np
import pytest
from tests.market_data import synthetic_bars

from tradinglab.errors import DataError
from tradinglab_trainer.dataset import final_split, make_dataset, walk_forward
from tradinglab_trainer.preparation import prepare

HOUR, WINDOW, HORIZON = 3_600_000, 64, 24


def dataset_of(bars):
    return make_dataset(bars, HOUR, WINDOW, HORIZON)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_slices_are_in_time_order_with_a_horizon_purged_between(count):
    dataset = dataset_of(synthetic_bars(6000))
    folds = walk_forward(dataset, count)
    for fold in folds:
        assert fold.train[0] == dataset.first
        for earlier, later in (
            (fold.train, fold.stop),
            (fold.stop, fold.calibration),
            (fold.calibration, fold.test),
        ):
            assert earlier[0] < earlier[1]
            assert later[0] - earlier[1] == HORIZON
    tests = [fold.test for fold in folds]
    assert all(a[1] == b[0] for a, b in pairwise(tests))
    assert tests[-1][1] == len(dataset.times) - HORIZON
    final = final_split(dataset)
    assert final.calibration[0] - final.train[1] == HORIZON


def test_rows_whose_window_or_horizon_spans_a_gap_are_not_used():
    bars = synthetic_bars(4000)
    gapped = bars.drop(bars.index[3000:3003])
    dataset = dataset_of(gapped)
    unusable = set(range(dataset.first, 4000 - 3 - HORIZON)) - set(
        dataset.rows(dataset.first, len(gapped) - HORIZON).tolist()
    )
    assert unusable == set(range(3000 - HORIZON, 3000 + WINDOW - 1))


def test_a_short_history_is_named_with_what_is_needed():
    with pytest.raises(DataError, match="history has 900 bars, expected at least 2308"):
        dataset_of(synthetic_bars(900))


def test_what_is_fitted_does_not_change_when_the_future_does():
    bars = synthetic_bars(5000)
    fold = walk_forward(dataset_of(bars), 2)[0]
    poisoned = bars.copy()
    later = fold.train[1] + HORIZON
    noise = np.random.default_rng(9).lognormal(0, 0.2, len(bars) - later)
    poisoned.iloc[later:, :4] = poisoned.iloc[later:, :4].mul(noise, axis=0).to_numpy()
    poisoned.iloc[later:, 4] *= 3
    honest, blind = (prepare(dataset_of(frame), fold.train, 0.95, 7) for frame in (bars, poisoned))
    assert honest.pipeline.encoded() == blind.pipeline.encoded()
    rows = slice(*fold.train)
    np.testing.assert_array_equal(honest.components[rows], blind.components[rows])
    np.testing.assert_array_equal(honest.labels.classes[rows], blind.labels.classes[rows])


def test_pca_keeps_the_variance_asked_for_and_its_signs_are_fixed():
    dataset = dataset_of(synthetic_bars(5000))
    prepared = prepare(dataset, (dataset.first, 4000), 0.95, 7)
    count = prepared.pipeline.normaliser.component_count
    assert prepared.spectrum[:count].sum() >= 0.95 > prepared.spectrum[: count - 1].sum()
    loadings = prepared.pipeline.normaliser.components
    assert (loadings[np.arange(count), np.abs(loadings).argmax(axis=1)] > 0).all()


def test_a_price_that_moves_one_way_only_is_refused_by_its_classes():
    bars = synthetic_bars(5000)
    rising = bars.copy()
    factor = np.exp(0.05 * np.arange(len(bars)))
    rising[["open", "high", "low", "close"]] = bars.iloc[:, :4].mul(factor, axis=0)
    dataset = dataset_of(rising)
    with pytest.raises(DataError, match="strong_bearish 0; expected at least 20 of each"):
        prepare(dataset, (dataset.first, 4000), 0.95, 7)
