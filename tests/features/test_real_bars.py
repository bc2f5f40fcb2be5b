"""On recorded bars: nothing looks ahead, nothing depends on the start, halts stay finite."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from ta.momentum import RSIIndicator
from ta.trend import MACD, ADXIndicator
from ta.volatility import AverageTrueRange, BollingerBands
from tests.market_data import HOURLY, SHARED_DATA, real_bars, synthetic_bars

from tradinglab.domain.history import RECURSION_WARM_UP_BARS
from tradinglab.features.columns import BAR_COLUMNS, SNAPSHOT_COLUMNS
from tradinglab.features.normaliser import (
    NORMALISER_LOOKBACK_BARS,
    Normaliser,
    robust_scale,
    stationary,
)
from tradinglab.features.pipeline import Pipeline, lookback_bars
from tradinglab.features.snapshot import compute_snapshots
from tradinglab.features.volatility import har_terms

HOUR, MINUTE, WINDOW = 3_600_000, 60_000, 64
CRASH = SHARED_DATA / "btcusdt-1m-2021-04.csv.gz"
HALT = SHARED_DATA / "btcusdt-1m-2023-03.csv.gz"
FILES = pytest.mark.parametrize("path", [HOURLY, CRASH, HALT], ids=lambda path: path.name[8:18])


def scaled(snapshots):
    """What the twelve are before they are clipped and rotated, in interquartile ranges."""
    rows = stationary(snapshots)
    _, scales = robust_scale(rows[NORMALISER_LOOKBACK_BARS:])
    return rows / scales, scales


@FILES
def test_eleven_columns_equal_ta_after_warm_up(path):
    bars = real_bars(path=path)
    ours = compute_snapshots(bars)[RECURSION_WARM_UP_BARS:]
    bands = BollingerBands(bars.close, 20, 2)
    theirs = {
        **{name: bars[name] for name in BAR_COLUMNS},
        "rsi": RSIIndicator(bars.close, 14).rsi(),
        "macd": MACD(bars.close, 26, 12, 9).macd(),
        "bb_high": bands.bollinger_hband(),
        "bb_low": bands.bollinger_lband(),
        "atr": AverageTrueRange(bars.high, bars.low, bars.close, 14).average_true_range(),
        "adx": ADXIndicator(bars.high, bars.low, bars.close, 14).adx(),
    }
    assert set(theirs) | {"obv"} == set(ours.columns)
    for name, column in theirs.items():
        np.testing.assert_allclose(
            ours[name], column[RECURSION_WARM_UP_BARS:], rtol=1e-9, atol=1e-12, err_msg=name
        )


@FILES
def test_obv_equals_its_definition_row_by_row(path):
    bars = real_bars(rows=5000, path=path)
    total, expected = 0.0, [0.0]
    rows = bars[["close", "volume"]].to_numpy().tolist()
    for (before, _), (close, volume) in pairwise(rows):
        if close > before:
            total += volume
        elif close < before:
            total -= volume
        expected.append(total)
    np.testing.assert_allclose(compute_snapshots(bars).obv, expected, rtol=1e-12, atol=1e-9)


@FILES
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_poisoned_future_changes_no_row_before_it(path, share):
    bars = real_bars(rows=20_000, path=path)
    now = int(len(bars) * share)
    poisoned = bars.copy()
    noise = np.random.default_rng(4).lognormal(0, 0.5, len(bars) - now)
    poisoned.iloc[now:] = poisoned.iloc[now:].mul(noise, axis=0)
    honest, blind = (compute_snapshots(frame) for frame in (bars, poisoned))
    pd.testing.assert_frame_equal(honest[:now], blind[:now], check_exact=True)
    assert not honest[now:].equals(blind[now:])
    for derived in (stationary, lambda rows: har_terms(rows[:, 3], HOUR)):
        np.testing.assert_array_equal(
            derived(honest.to_numpy())[:now], derived(blind.to_numpy())[:now]
        )


@pytest.mark.parametrize(("path", "length"), [(HOURLY, HOUR), (HALT, MINUTE)])
def test_a_window_from_exactly_the_lookback_equals_that_of_the_whole_history(path, length):
    bars = real_bars(path=path)
    lookback = lookback_bars(WINDOW, length)
    whole = compute_snapshots(bars).to_numpy()
    rows, scales = scaled(whole)
    components = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0][:9]
    normaliser = Normaliser(np.zeros(12), scales, np.zeros(12), components)
    coefficients = np.array([0.1, 0.3, 0.3, 0.3])
    pipeline = Pipeline(length, WINDOW, normaliser, coefficients, 0.7, 1.0)
    over_history = normaliser.transform(whole)
    baseline = pipeline.volatility_baseline(whole[:, 3])
    for end in np.linspace(lookback, len(bars), 12).astype(int):
        late = compute_snapshots(bars[end - lookback : end]).to_numpy()
        late_rows = stationary(late)[-WINDOW:] / scales
        np.testing.assert_allclose(late_rows, rows[end - WINDOW : end], rtol=0, atol=1e-9)
        seen, late_baseline = pipeline.window(late)
        np.testing.assert_allclose(seen, over_history[end - WINDOW : end], rtol=0, atol=1e-9)
        assert late_baseline == pytest.approx(baseline[end - 1], abs=1e-9)


def test_windows_in_and_after_a_halt_do_not_depend_on_the_start():
    """Without the thirty days of volatility, which these bars do not reach back.

    `ta` takes the bands' variance as a running one, which keeps some 1e-9 of the price from where
    it started: on a price that stands still that is all there is of it.
    """
    bars = real_bars(path=HALT)
    (silent,) = np.nonzero(bars.volume.to_numpy() == 0)
    assert len(silent) == 72
    rows, scales = scaled(compute_snapshots(bars).to_numpy())
    tolerance = np.full(12, 1e-9)
    tolerance[[SNAPSHOT_COLUMNS.index(name) for name in ("bb_high", "bb_low")]] = 1e-5
    length = WINDOW + RECURSION_WARM_UP_BARS
    for end in (silent[0] + 1, silent[0] + 40, silent[-1] + 1, silent[-1] + 30, silent[-1] + 90):
        late = stationary(compute_snapshots(bars[end - length : end]).to_numpy())[-WINDOW:]
        assert (np.abs(late / scales - rows[end - WINDOW : end]) <= tolerance).all()


@FILES
def test_crashes_and_halts_give_finite_features_in_their_ranges(path):
    snapshots = compute_snapshots(real_bars(path=path))
    rows = stationary(snapshots.to_numpy())[NORMALISER_LOOKBACK_BARS:]
    assert np.isfinite(rows).all()
    assert snapshots.rsi[14:].between(0, 100).all()
    assert snapshots.adx[28:].between(0, 100).all()
    assert np.abs(rows[:, 10]).max() <= 1 + 1e-9  # OBV's change over what was traded


@pytest.mark.parametrize("flat", [30, 1000, 20_000])
def test_a_flat_silent_stretch_of_any_length_gives_finite_features(flat):
    """The recursions decay until they underflow: 0/0 must not come of it."""
    bars = synthetic_bars(flat + 2000)
    stretch = bars.index[1000 : 1000 + flat]
    bars.loc[stretch, ["open", "high", "low", "close"]] = bars.close.iloc[999]
    bars.loc[stretch, "volume"] = 0.0
    snapshots = compute_snapshots(bars)
    rows = stationary(snapshots.to_numpy())[NORMALISER_LOOKBACK_BARS:]
    assert np.isfinite(rows).all()
    assert (rows[1000 - NORMALISER_LOOKBACK_BARS + 24 : 1000 + flat - 200, 10] == 0).all()
    assert np.isfinite(har_terms(snapshots.close.to_numpy(), HOUR)[720:]).all()
