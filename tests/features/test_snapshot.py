"""The snapshot equals `ta` where `ta` is right, and looks neither ahead nor at where it starts."""

import numpy as np
import pandas as pd
import pytest
from ta.trend import ADXIndicator
from ta.volatility import AverageTrueRange
from tests.market_data import real_bars, synthetic_bars

from tradinglab.errors import DataError
from tradinglab.features.columns import SNAPSHOT_COLUMNS
from tradinglab.features.normaliser import Normaliser, robust_scale, stationary
from tradinglab.features.pipeline import Pipeline, lookback_bars
from tradinglab.features.snapshot import compute_snapshots

HOUR = 3_600_000


@pytest.fixture(scope="module", params=["real", "synthetic"])
def bars(request):
    return real_bars(rows=3000) if request.param == "real" else synthetic_bars(3000)


def relative_difference(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return np.nanmax(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-12))


def test_atr_and_adx_equal_ta_after_warm_up(bars):
    snapshots = compute_snapshots(bars)
    ta_atr = AverageTrueRange(bars.high, bars.low, bars.close, 14).average_true_range()
    ta_adx = ADXIndicator(bars.high, bars.low, bars.close, 14).adx()
    assert relative_difference(snapshots.atr[100:], ta_atr[100:]) < 1e-9
    assert relative_difference(snapshots.adx[100:], ta_adx[100:]) < 1e-9


def test_obv_adds_nothing_on_an_unchanged_close():
    bars = synthetic_bars(40)
    bars.loc[bars.index[10], "close"] = bars.close.iloc[9]
    obv = compute_snapshots(bars).obv
    assert obv.iloc[10] == obv.iloc[9]
    assert obv.iloc[0] == 0


def test_warm_up_is_nan_and_the_rest_is_finite(bars):
    snapshots = compute_snapshots(bars)
    assert snapshots.adx[:27].isna().all()
    assert snapshots.atr[:13].isna().all()
    assert np.isfinite(snapshots.iloc[27:].to_numpy()).all()
    assert tuple(snapshots.columns) == SNAPSHOT_COLUMNS


def test_a_snapshot_does_not_depend_on_later_bars(bars):
    whole = compute_snapshots(bars)
    for cut in (60, 700, 2500):
        pd.testing.assert_frame_equal(compute_snapshots(bars[:cut]), whole[:cut], check_exact=True)


@pytest.mark.parametrize("first", [1, 333, 1500])
def test_what_the_model_sees_does_not_depend_on_the_first_bar(bars, first):
    window, lookback = 64, lookback_bars(64, HOUR)
    whole = compute_snapshots(bars).to_numpy()
    medians, scales = robust_scale(stationary(whole)[200:])
    rng = np.random.default_rng(1)
    components = np.linalg.qr(rng.normal(size=(12, 12)))[0][:9]
    pipeline = Pipeline(
        HOUR, window, Normaliser(medians, scales, np.zeros(12), components),
        np.array([0.1, 0.3, 0.3, 0.3]), 0.7, 1.0,
    )  # fmt: skip
    end = first + lookback + 500
    late = compute_snapshots(bars[first:end]).to_numpy()
    seen_whole, baseline_whole = pipeline.window(whole[end - lookback : end])
    seen_late, baseline_late = pipeline.window(late[-lookback:])
    np.testing.assert_allclose(seen_late, seen_whole, rtol=1e-9, atol=1e-9)
    assert baseline_late == pytest.approx(baseline_whole, rel=1e-9)
    # and the short path taken at serving time equals the one taken over a whole history
    over_history = pipeline.normaliser.transform(whole[:end])[-window:]
    np.testing.assert_allclose(seen_whole, over_history, rtol=1e-9, atol=1e-9)


def test_a_value_that_is_not_finite_is_named(bars):
    torn = bars.copy()
    torn.loc[torn.index[5], "low"] = np.nan
    with pytest.raises(DataError, match=rf"bar {torn.index[5]}: low is nan"):
        compute_snapshots(torn)


def test_a_halted_market_has_finite_features():
    bars = synthetic_bars(1000)
    bars.loc[bars.index[500:600], ["open", "high", "low", "close"]] = bars.close.iloc[499]
    bars.loc[bars.index[500:600], "volume"] = 0.0
    rows = stationary(compute_snapshots(bars).to_numpy())
    assert np.isfinite(rows[200:]).all()
