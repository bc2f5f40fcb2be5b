"""A window that grows bar by bar is the one computed from the whole history."""

import time

import numpy as np
import pytest
from tests.api.artifacts import HOUR, small_pipeline
from tests.market_data import real_bars, synthetic_bars

from tradinglab.errors import DataError
from tradinglab.features.pipeline import Pipeline
from tradinglab.features.rolling import OBV, RollingWindow
from tradinglab.features.snapshot import compute_snapshots

BARS = 600


@pytest.fixture(scope="module")
def snapshots():
    return compute_snapshots(real_bars(3_000)).to_numpy()


@pytest.fixture(scope="module")
def pipeline(snapshots):
    small = small_pipeline(snapshots, seed=1)
    return Pipeline(HOUR, 64, small.normaliser, small.har_coefficients, 0.7, 1.5)


def test_on_recorded_bars_it_equals_the_whole_history(pipeline, snapshots):
    lookback = pipeline.lookback_bars
    rolling = RollingWindow(pipeline, snapshots[:lookback])
    for end in range(lookback + 1, lookback + BARS):
        rolling.append(snapshots[end - 1])
        components, baseline = rolling.window()
        expected_components, expected_baseline = pipeline.window(snapshots[end - lookback : end])
        np.testing.assert_allclose(components, expected_components, rtol=0, atol=1e-9)
        assert baseline == pytest.approx(expected_baseline, abs=1e-9)
        np.testing.assert_allclose(rolling.rows, snapshots[end - lookback : end], rtol=1e-9)


def test_the_level_of_a_rows_obv_does_not_matter(pipeline, snapshots):
    """A sliding window of bars counts OBV from another first bar each time."""
    lookback = pipeline.lookback_bars
    rolling = RollingWindow(pipeline, snapshots[:lookback])
    for end in range(lookback + 1, lookback + 60):
        row = snapshots[end - 1].copy()
        row[OBV] += 1e6 * (end % 7)
        rolling.append(row)
    expected, _ = pipeline.window(snapshots[end - lookback : end])
    np.testing.assert_allclose(rolling.window()[0], expected, rtol=0, atol=1e-9)


def test_volume_that_was_not_traded_is_no_change(pipeline):
    bars = synthetic_bars(900)
    bars.loc[bars.index[-40:], "volume"] = 0.0
    bars.loc[bars.index[-40:], ["open", "high", "low", "close"]] = 30_000.0
    rows, lookback = compute_snapshots(bars).to_numpy(), pipeline.lookback_bars
    rolling = RollingWindow(pipeline, rows[-lookback - 30 : -30])
    for row in rows[-30:]:
        rolling.append(row)
    expected, baseline = pipeline.window(rows[-lookback:])
    np.testing.assert_allclose(rolling.window()[0], expected, rtol=0, atol=1e-9)
    assert rolling.window()[1] == pytest.approx(baseline, abs=1e-9)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_row_beyond_computing_is_refused_and_leaves_no_trace(pipeline, snapshots):
    lookback = pipeline.lookback_bars
    rolling = RollingWindow(pipeline, snapshots[:lookback])
    spoilt = snapshots[lookback].copy()
    spoilt[4] = 1e308
    rolling.append(spoilt)  # OBV still has room for one
    with pytest.raises(DataError, match="expected finite"):
        for _ in range(40):
            spoilt[3] *= 1.01
            rolling.append(spoilt)
    before = rolling.rows.copy()
    with pytest.raises(DataError, match="expected finite"):
        rolling.append(spoilt * np.where(np.arange(12) == 3, 1.01, 1.0))
    np.testing.assert_array_equal(rolling.rows, before)


def test_a_history_of_another_length_is_refused(pipeline, snapshots):
    with pytest.raises(DataError, match=r"shape \(700, 12\), expected \(784, 12\)"):
        RollingWindow(pipeline, snapshots[:700])


def test_a_row_costs_far_less_than_the_window(pipeline, snapshots):
    lookback = pipeline.lookback_bars
    rolling = RollingWindow(pipeline, snapshots[:lookback])

    def best(call):
        seconds = []
        for _ in range(200):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    def one_row():
        rolling.append(snapshots[lookback])
        rolling.window()

    assert best(one_row) < best(lambda: pipeline.window(snapshots[:lookback])) / 2
