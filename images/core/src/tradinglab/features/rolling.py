"""The window of a series that grows bar by bar, kept ready instead of computed anew.

Used by the API's streams. Equal to `Pipeline.window` of the same rows to 1e-9, at the cost of one
row: each row's components and squared return are computed once, when it arrives.
"""

import math
from typing import Final

import numpy as np

from tradinglab.errors import DataError
from tradinglab.features.columns import CLOSE, SNAPSHOT_COLUMNS, VOLUME, FloatArray
from tradinglab.features.normaliser import CLIP, OBV_CHANGE_BARS, VOLUME_MEAN_BARS
from tradinglab.features.pipeline import Pipeline
from tradinglab.features.volatility import SMALLEST_VARIANCE, har_bars, log_returns

OBV: Final = SNAPSHOT_COLUMNS.index("obv")
_sum = np.add.reduce  # without the detour of ndarray.sum, which costs more than a short sum
SPARE_FRACTION: Final = 8  # rows are moved to the front once in lookback / 8 bars


class RollingWindow:
    """Not safe to share between threads.

    The level of OBV depends on the first bar that was ever counted, so two histories of one market
    rarely agree on it: a row's OBV is continued from the row before, by its definition.
    """

    def __init__(self, pipeline: Pipeline, history: FloatArray) -> None:
        """`history`: raw, (lookback_bars, 12), as `Pipeline.window` takes it."""
        lookback, width = pipeline.lookback_bars, len(SNAPSHOT_COLUMNS)
        if history.shape != (lookback, width):
            raise DataError(f"history has shape {history.shape}, expected ({lookback}, {width})")
        capacity = lookback + max(1, lookback // SPARE_FRACTION)
        self._pipeline = pipeline
        self._lookback = lookback
        self._har_bars = har_bars(pipeline.bar_milliseconds)
        self._end = lookback
        self._rows = np.empty((capacity, width))
        self._squares = np.empty(capacity)
        self._log_volumes = np.empty(capacity)
        self._components = np.empty((capacity, pipeline.normaliser.component_count))
        self._rows[:lookback] = history
        self._squares[:lookback] = log_returns(history[:, CLOSE]) ** 2
        self._log_volumes[:lookback] = np.log1p(history[:, VOLUME])
        window, _ = pipeline.window(history)
        self._components[lookback - len(window) : lookback] = window

    @property
    def rows(self) -> FloatArray:
        """The last `lookback_bars` rows; a view."""
        return self._rows[self._end - self._lookback : self._end]

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in self._arrays())

    def append(self, row: FloatArray) -> None:
        """The next bar's raw snapshot, (12,), every value finite, prices above 0.

        Raises DataError, and is as it was before, when the row's numbers are beyond computing.
        """
        if self._end == len(self._rows):
            self._move_to_the_front()
        at, before = self._end, self._rows[self._end - 1]
        close, previous = float(row[CLOSE]), float(before[CLOSE])
        self._rows[at] = row
        obv = float(before[OBV]) + ((close > previous) - (close < previous)) * float(row[VOLUME])
        self._rows[at, OBV] = obv
        self._squares[at] = (math.log(close) - math.log(previous)) ** 2
        self._log_volumes[at] = math.log1p(row[VOLUME])
        components = self._components_of_row(at)
        if not (math.isfinite(obv) and np.isfinite(components).all()):
            raise DataError(f"the row's components are {components.tolist()}, expected finite ones")
        self._components[at] = components
        self._end = at + 1

    def window(self) -> tuple[FloatArray, float]:
        """What `Pipeline.window` gives for `rows`: (window, k), a view, and the log baseline."""
        end, coefficients = self._end, self._pipeline.har_coefficients.tolist()
        baseline = coefficients[0]
        for bars, slope in zip(self._har_bars, coefficients[1:], strict=True):
            variance = max(float(_sum(self._squares[end - bars : end])) / bars, SMALLEST_VARIANCE)
            baseline += slope * 0.5 * math.log(variance)
        return self._components[end - self._pipeline.window_bars : end], baseline

    def _move_to_the_front(self) -> None:
        kept = slice(self._end - self._lookback, self._end)
        for array in self._arrays():
            array[: self._lookback] = array[kept].copy()
        self._end = self._lookback

    def _arrays(self) -> tuple[FloatArray, ...]:
        return self._rows, self._squares, self._log_volumes, self._components

    def _components_of_row(self, at: int) -> FloatArray:
        """One row of `Normaliser.transform`, without the rows before it being transformed."""
        open_, high, low, close, volume, rsi, macd, bb_high, bb_low, atr, obv, adx = self._rows[
            at
        ].tolist()
        log_volumes = self._log_volumes[at + 1 - VOLUME_MEAN_BARS : at + 1]
        traded = float(_sum(self._rows[at + 1 - OBV_CHANGE_BARS : at + 1, VOLUME]))
        obv_change = obv - float(self._rows[at - OBV_CHANGE_BARS, OBV])
        stationary_row = np.array(
            (
                open_ / close - 1,
                high / close - 1,
                low / close - 1,
                math.log(close) - math.log(self._rows[at - 1, CLOSE]),
                math.log1p(volume) - float(_sum(log_volumes)) / VOLUME_MEAN_BARS,
                rsi / 50 - 1,
                macd / close,
                bb_high / close - 1,
                bb_low / close - 1,
                atr / close,
                obv_change / traded if traded > 0 else 0.0,
                adx / 50 - 1,
            )
        )
        normaliser = self._pipeline.normaliser
        scaled = (stationary_row - normaliser.medians) / normaliser.scales
        np.minimum(np.maximum(scaled, -CLIP, out=scaled), CLIP, out=scaled)
        scaled -= normaliser.means
        return np.asarray(normaliser.components @ scaled, np.float64)
