"""From stored bars to arrays: snapshots, volatility terms, which rows may be used, and folds.

Called by the run; nothing here is fitted, so nothing here can leak.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradinglab.domain.history import LEAST_USABLE_BARS
from tradinglab.errors import DataError
from tradinglab.features.columns import CLOSE, FloatArray
from tradinglab.features.labels import horizon_returns
from tradinglab.features.normaliser import stationary
from tradinglab.features.pipeline import lookback_bars
from tradinglab.features.snapshot import compute_snapshots
from tradinglab.features.volatility import future_log_volatility, har_terms

TEST_SHARE, CALIBRATION_SHARE, STOP_SHARE = 0.4, 0.1, 0.1
# What gaps must leave of a slice: below it nothing can be fitted or judged, above it the gate says
# what so few rows can tell.
LEAST_TRAINING_WINDOWS, LEAST_SLICE_HORIZONS = 4, 2
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Rows are bars. `usable` marks those with a whole, gapless window before and horizon after."""

    times: IntArray
    snapshots: FloatArray
    stationary: FloatArray
    har_terms: FloatArray
    returns: FloatArray
    future_log_volatility: FloatArray
    usable: NDArray[np.bool_]
    window_bars: int
    horizon_bars: int
    bar_milliseconds: int

    @property
    def close(self) -> FloatArray:
        return self.snapshots[:, CLOSE]

    @property
    def first(self) -> int:
        """The first row that a forecast can be made for."""
        return lookback_bars(self.window_bars, self.bar_milliseconds)

    def rows(self, start: int, stop: int) -> IntArray:
        """The usable rows in [start, stop)."""
        return start + np.flatnonzero(self.usable[start:stop])


def make_dataset(
    bars: pd.DataFrame,
    bar_milliseconds: int,
    window_bars: int,
    horizon_bars: int,
    least_usable: int = LEAST_USABLE_BARS,
) -> Dataset:
    """Raises DataError when the history is too short, or half of what is needed falls to gaps.

    `least_usable`: bars beyond lookback and horizon; the default is what training and judging need.
    """
    lookback = lookback_bars(window_bars, bar_milliseconds)
    needed = lookback + horizon_bars + least_usable
    if len(bars) < needed:
        raise DataError(
            f"history has {len(bars)} bars, expected at least {needed} "
            f"(market.history is too short, or the market too young)"
        )
    times = bars.index.to_numpy(np.int64)
    usable = _usable(times, bar_milliseconds, window_bars, horizon_bars)
    usable[:lookback] = False
    if usable.sum() < least_usable // 2:
        gaps = int((np.diff(times) != bar_milliseconds).sum())
        raise DataError(
            f"history has {len(bars)} bars but only {usable.sum()} that a model can use, expected "
            f"at least {least_usable // 2}: {gaps} gaps each cost a window of {window_bars} "
            f"bars and a horizon of {horizon_bars} (choose a longer market.history or mend the "
            f"bars)"
        )
    snapshots = compute_snapshots(bars).to_numpy(np.float64)
    close = snapshots[:, CLOSE]
    return Dataset(
        times=times,
        snapshots=snapshots,
        stationary=stationary(snapshots),
        har_terms=har_terms(close, bar_milliseconds),
        returns=horizon_returns(close, horizon_bars),
        future_log_volatility=future_log_volatility(close, horizon_bars),
        usable=usable,
        window_bars=window_bars,
        horizon_bars=horizon_bars,
        bar_milliseconds=bar_milliseconds,
    )


def _usable(
    times: IntArray, bar_milliseconds: int, window_bars: int, horizon_bars: int
) -> NDArray[np.bool_]:
    """Rows whose window before and horizon after hold no gap."""
    breaks = np.diff(times, prepend=times[:1]) != bar_milliseconds
    breaks[0] = True
    starts = np.maximum.accumulate(np.where(breaks, np.arange(len(times)), 0))
    run = np.arange(len(times)) - starts + 1  # bars since the last gap, this one included
    whole_horizon = np.zeros(len(times), bool)
    whole_horizon[:-horizon_bars] = run[horizon_bars:] > horizon_bars
    return (run >= window_bars) & whole_horizon


@dataclass(frozen=True)
class Fold:
    """Half-open row ranges in time order, `horizon` rows purged between them."""

    train: tuple[int, int]
    stop: tuple[int, int]
    calibration: tuple[int, int]
    test: tuple[int, int]


def walk_forward(dataset: Dataset, count: int) -> list[Fold]:
    """Expanding training, then early stop, calibration and test; the tests tile the last 40 %.

    Raises DataError naming the slice that gaps leave too little of, or whose price stands still.
    """
    first, purge = dataset.first, dataset.horizon_bars
    last = len(dataset.times) - purge
    span = last - first
    test, calibration, stop = (
        int(span * share) for share in (TEST_SHARE / count, CALIBRATION_SHARE, STOP_SHARE)
    )
    folds = []
    for i in range(count):
        test_start = last - test * (count - i)
        calibration_start = test_start - purge - calibration
        stop_start = calibration_start - purge - stop
        folds.append(
            Fold(
                train=(first, stop_start - purge),
                stop=(stop_start, calibration_start - purge),
                calibration=(calibration_start, test_start - purge),
                test=(test_start, test_start + test),
            )
        )
        _verify(dataset, f"fold {i + 1}", folds[-1], ("train", "stop", "calibration", "test"))
    return folds


def final_split(dataset: Dataset) -> Fold:
    """For the model that ships: all up to the latest calibration slice; nothing to test.

    Raises DataError as `walk_forward` does.
    """
    last, purge = len(dataset.times) - dataset.horizon_bars, dataset.horizon_bars
    calibration = int((last - dataset.first) * CALIBRATION_SHARE)
    start = last - calibration
    empty = (last, last)
    fold = Fold(
        train=(dataset.first, start - purge), stop=empty, calibration=(start, last), test=empty
    )
    _verify(dataset, "the final model", fold, ("train", "calibration"))
    return fold


def _verify(dataset: Dataset, whose: str, fold: Fold, names: tuple[str, ...]) -> None:
    for name in names:
        start, stop = getattr(fold, name)
        rows = dataset.rows(start, stop)
        least = (
            LEAST_TRAINING_WINDOWS * dataset.window_bars
            if name == "train"
            else LEAST_SLICE_HORIZONS * dataset.horizon_bars
        )
        begin, end = (
            datetime.fromtimestamp(dataset.times[row] / 1000, UTC).isoformat(timespec="minutes")
            for row in (start, max(start, stop - 1))
        )
        if len(rows) < least:
            raise DataError(
                f"{whose}: its {name} slice ({begin} to {end}) has {len(rows)} rows of "
                f"{max(0, stop - start)} that a model can use, expected at least {least}: a window "
                f"or horizon that spans a gap is not used (choose a longer market.history or mend "
                f"the bars)"
            )
        if name == "train" and np.median(np.abs(dataset.returns[rows])) == 0:
            raise DataError(
                f"{whose}: close is unchanged after {dataset.horizon_bars} bars in half or more of "
                f"its train slice ({begin} to {end}), expected a price that moves"
            )
