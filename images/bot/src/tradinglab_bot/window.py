"""The rolling window of closed bars and the snapshots computed from it. Used by the trader."""

from collections import deque
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradinglab.domain.bar import Bar
from tradinglab.domain.history import RECURSION_WARM_UP_BARS
from tradinglab.features.columns import BAR_COLUMNS
from tradinglab.features.snapshot import compute_snapshots


def bars_needed(lookback_bars: int) -> int:
    """A forecast's rows, and before them what makes recursive indicators forget their start."""
    return lookback_bars + RECURSION_WARM_UP_BARS


class Window:
    """Holds the newest bars, oldest first; a bar not newer than the last is ignored."""

    def __init__(self, lookback_bars: int, bar_milliseconds: int) -> None:
        self.lookback_bars = lookback_bars
        self._bar_milliseconds = bar_milliseconds
        self._bars: deque[Bar] = deque(maxlen=bars_needed(lookback_bars))

    def append(self, bar: Bar) -> None:
        if not self._bars or bar.open_time > self._bars[-1].open_time:
            self._bars.append(bar)

    def newest(self) -> Bar | None:
        return self._bars[-1] if self._bars else None

    def widened(self, lookback_bars: int, older: Iterable[Bar]) -> "Window":
        """For a model of another lookback: what is here, joined with bars fetched for it."""
        window = Window(lookback_bars, self._bar_milliseconds)
        known = {bar.open_time: bar for bar in (*older, *self._bars)}
        last = self._bars[-1].open_time if self._bars else 0
        for open_time in sorted(known):
            if open_time <= last:
                window.append(known[open_time])
        return window

    def missing_bars(self, window_bars: int) -> int:
        """How many bars the market lacks among the last `window_bars`: those a model sees."""
        recent = list(self._bars)[-window_bars:]
        if not recent:
            return window_bars
        span = (recent[-1].open_time - recent[0].open_time) // self._bar_milliseconds + 1
        return int(span) - len(recent)

    def closes(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Open times and closes of every bar at hand, oldest first."""
        times = np.array([bar.open_time for bar in self._bars], np.int64)
        return times, np.array([bar.close for bar in self._bars], np.float64)

    def snapshots(self) -> NDArray[np.float64] | None:
        """(lookback_bars, 12), the last row the newest bar's; None while there are too few."""
        if len(self._bars) < self.lookback_bars:
            return None
        values = np.array([(b.open, b.high, b.low, b.close, b.volume) for b in self._bars])
        frame = pd.DataFrame(
            values, columns=list(BAR_COLUMNS), index=[bar.open_time for bar in self._bars]
        )
        computed = compute_snapshots(frame).to_numpy(np.float64)
        return np.ascontiguousarray(computed[-self.lookback_bars :])
