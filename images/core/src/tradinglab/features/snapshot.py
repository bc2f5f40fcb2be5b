"""The 12-dimensional snapshot of each closed bar, as `ta` defines its indicators.

Called by trainer, bot, API and backtest: there is no second implementation. `ta` computes RSI,
MACD and the bands; ATR and ADX keep `ta`'s definitions with the recursion vectorised, because
`ta` loops over rows in Python; OBV is the textbook's (an unchanged close adds nothing).
"""

import numpy as np
import pandas as pd
from ta.momentum import RSIIndicator
from ta.trend import MACD
from ta.volatility import BollingerBands

from tradinglab.errors import DataError
from tradinglab.features.columns import (
    BAR_COLUMNS,
    CLOSE,
    SMOOTHING_BARS,
    SNAPSHOT_COLUMNS,
    FloatArray,
)


def compute_snapshots(bars: pd.DataFrame) -> pd.DataFrame:
    """The snapshot of each row of `bars` (columns BAR_COLUMNS, consecutive closed bars).

    Returns the columns SNAPSHOT_COLUMNS on the same index. Row t depends on rows ≤ t only. An
    indicator is NaN until it has its first value (ADX last, at row 27). The recursive ones
    depend on the first row until RECURSION_WARM_UP_BARS rows have passed, OBV always does: the
    normaliser uses only OBV's changes.
    Raises DataError when a bar column is absent, or a price or volume is not finite.
    """
    missing = [name for name in BAR_COLUMNS if name not in bars.columns]
    if missing:
        raise DataError(f"bars lack {', '.join(missing)}; expected {', '.join(BAR_COLUMNS)}")
    values = bars[list(BAR_COLUMNS)].to_numpy(np.float64)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"bar {bars.index[row]}: {BAR_COLUMNS[column]} is {values[row, column]}, "
            "expected a finite number"
        )
    close = pd.Series(values[:, CLOSE], index=bars.index)
    # Filled column by column, as pandas keeps them: it then copies nothing. The one that needs most
    # memory comes first, because pages of the result that nobody wrote to take none.
    snapshots = np.empty((len(bars), len(SNAPSHOT_COLUMNS)), order="F")
    column = dict(zip(SNAPSHOT_COLUMNS, snapshots.T, strict=True))
    column["adx"][:] = average_directional_index(values[:, 1], values[:, 2], values[:, 3])
    column["atr"][:] = average_true_range(values[:, 1], values[:, 2], values[:, 3])
    column["rsi"][:] = RSIIndicator(close, window=SMOOTHING_BARS).rsi()
    column["macd"][:] = MACD(close, window_slow=26, window_fast=12, window_sign=9).macd()
    bands = BollingerBands(close, window=20, window_dev=2)
    column["bb_high"][:] = bands.bollinger_hband()
    column["bb_low"][:] = bands.bollinger_lband()
    column["obv"][:] = on_balance_volume(values[:, 3], values[:, 4])
    snapshots[:, : len(BAR_COLUMNS)] = values
    return pd.DataFrame(snapshots, index=bars.index, columns=list(SNAPSHOT_COLUMNS), copy=False)


def _wilder(initial: float, inputs: FloatArray, bars: int) -> FloatArray:
    """y[0] = initial, y[i] = y[i-1] + (inputs[i-1] − y[i-1])/bars; shape (len(inputs) + 1,).

    An exponential smoothing, so that pandas' compiled loop does it: a bot that carries pandas
    anyway need not load another library for one recursion.
    """
    series = pd.Series(np.concatenate(([initial], inputs)), copy=False)
    return series.ewm(alpha=1 / bars, adjust=False).mean().to_numpy(np.float64)


def _true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Wilder's true range; of the first bar, which has no previous close, its high − low."""
    previous = np.concatenate((close[:1].clip(low[:1], high[:1]), close[:-1]))
    return np.asarray(np.maximum(high, previous) - np.minimum(low, previous), np.float64)


def average_true_range(
    high: FloatArray, low: FloatArray, close: FloatArray, bars: int = SMOOTHING_BARS
) -> FloatArray:
    """Wilder's ATR (New Concepts in Technical Trading Systems, 1978), NaN before row bars − 1."""
    result = np.full(len(close), np.nan)
    if len(close) >= bars:
        ranges = _true_range(high, low, close)
        result[bars - 1 :] = _wilder(float(ranges[:bars].mean()), ranges[bars:], bars)
    return result


def average_directional_index(
    high: FloatArray, low: FloatArray, close: FloatArray, bars: int = SMOOTHING_BARS
) -> FloatArray:
    """Wilder's ADX (same source), NaN before row 2·bars − 1; 0/0 counts as 0, as in `ta`."""
    result = np.full(len(close), np.nan)
    if len(close) < 2 * bars:
        return result
    up, down = np.diff(high), -np.diff(low)
    rises = np.where((up > down) & (up > 0), up, 0.0)
    falls = np.where((down > up) & (down > 0), down, 0.0)

    def smoothed(movement: FloatArray) -> FloatArray:
        return _wilder(float(movement[:bars].mean()), movement[bars:], bars)

    ranges = smoothed(_true_range(high, low, close)[1:])
    plus, minus = smoothed(rises), smoothed(falls)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = plus / ranges + minus / ranges
        index = 100 * np.abs(plus / ranges - minus / ranges) / total
    index = np.where(np.isfinite(index), index, 0.0)
    result[2 * bars - 1 :] = smoothed(index)
    return result


def on_balance_volume(close: FloatArray, volume: FloatArray) -> FloatArray:
    """Granville's OBV: volume signed by the change of close, nothing where it is unchanged."""
    signs = np.sign(np.diff(close, prepend=close[:1]))
    return np.asarray(np.cumsum(signs * volume), np.float64)
