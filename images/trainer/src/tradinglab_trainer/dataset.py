"""From stored bars to arrays: snapshots, volatility terms, which rows may be used, and folds.

Called by the run; nothing here is fitted, so nothing here can leak.
"""

from dataclasses import dataclass

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
    bars: pd.DataFrame, bar_milliseconds: int, window_bars: int, horizon_bars: int
) -> Dataset:
    """Raises DataError when the history is too short to train and judge on."""
    needed = lookback_bars(window_bars, bar_milliseconds) + horizon_bars + LEAST_USABLE_BARS
    if len(bars) < needed:
        raise DataError(
            f"history has {len(bars)} bars, expected at least {needed} "
            f"(market.history is too short, or the market too young)"
        )
    snapshots = compute_snapshots(bars).to_numpy(np.float64)
    times = bars.index.to_numpy(np.int64)
    close = snapshots[:, CLOSE]
    # bars since the last gap, this one included
    breaks = np.diff(times, prepend=times[:1]) != bar_milliseconds
    breaks[0] = True
    starts = np.maximum.accumulate(np.where(breaks, np.arange(len(times)), 0))
    run = np.arange(len(times)) - starts + 1
    whole_window = run >= window_bars
    whole_horizon = np.zeros(len(times), bool)
    whole_horizon[:-horizon_bars] = run[horizon_bars:] > horizon_bars
    usable = whole_window & whole_horizon
    usable[: lookback_bars(window_bars, bar_milliseconds)] = False
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


@dataclass(frozen=True)
class Fold:
    """Half-open row ranges in time order, `horizon` rows purged between them."""

    train: tuple[int, int]
    stop: tuple[int, int]
    calibration: tuple[int, int]
    test: tuple[int, int]


def walk_forward(dataset: Dataset, count: int) -> list[Fold]:
    """Expanding training, then early stop, calibration and test; the tests tile the last 40 %."""
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
    return folds


def final_split(dataset: Dataset) -> Fold:
    """For the model that ships: all up to the latest calibration slice; nothing to test."""
    last, purge = len(dataset.times) - dataset.horizon_bars, dataset.horizon_bars
    calibration = int((last - dataset.first) * CALIBRATION_SHARE)
    start = last - calibration
    empty = (last, last)
    return Fold(
        train=(dataset.first, start - purge), stop=empty, calibration=(start, last), test=empty
    )
