"""From raw snapshots to principal components: stationary, robustly scaled, clipped, rotated.

Fitted by the trainer on a training fold only; applied by predictor and backtest. On raw prices
PCA would keep little but the price level, so stationarity comes first.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tradinglab.errors import DataError
from tradinglab.features.columns import SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.volatility import log_returns, rolling_sum

VOLUME_MEAN_BARS: Final = 168
OBV_CHANGE_BARS: Final = 24
NORMALISER_LOOKBACK_BARS: Final = VOLUME_MEAN_BARS
CLIP: Final = 5.0


def stationary(snapshots: FloatArray) -> FloatArray:
    """Each of the twelve made free of the price level; shape (n, 12), NaN while too short.

    close: log return; open, high, low, bands: relative to close; volume: log against its mean
    of 168 bars; RSI and ADX: /50 − 1; MACD and ATR: over close; OBV: its change over 24 bars over
    the volume of these bars, 0 where nothing was traded. Row t depends on rows ≤ t only.
    """
    open_, high, low, close, volume, rsi, macd, bb_high, bb_low, atr, obv, adx = snapshots.T
    log_volume = np.log1p(volume)
    change = np.full(len(close), np.nan)
    change[OBV_CHANGE_BARS:] = obv[OBV_CHANGE_BARS:] - obv[:-OBV_CHANGE_BARS]
    traded = rolling_sum(volume, OBV_CHANGE_BARS)
    columns = (
        open_ / close - 1,
        high / close - 1,
        low / close - 1,
        log_returns(close),
        log_volume - rolling_sum(log_volume, VOLUME_MEAN_BARS) / VOLUME_MEAN_BARS,
        rsi / 50 - 1,
        macd / close,
        bb_high / close - 1,
        bb_low / close - 1,
        atr / close,
        change / np.where(traded > 0, traded, np.inf),
        adx / 50 - 1,
    )
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Normaliser:
    """`medians`, `scales`, `means`: (12,); `components`: (k, 12), rows orthonormal."""

    medians: FloatArray
    scales: FloatArray
    means: FloatArray
    components: FloatArray

    @property
    def component_count(self) -> int:
        return len(self.components)

    def scaled(self, stationary_rows: FloatArray) -> FloatArray:
        return np.clip((stationary_rows - self.medians) / self.scales, -CLIP, CLIP)

    def transform(self, snapshots: FloatArray) -> FloatArray:
        """Principal components of raw snapshots; (n, 12) → (n, k), NaN while too short.

        Raises DataError unless the snapshots have twelve columns.
        """
        if snapshots.ndim != 2 or snapshots.shape[1] != len(SNAPSHOT_COLUMNS):
            raise DataError(f"snapshots have shape {snapshots.shape}, expected (rows, 12)")
        return self.rotated(stationary(snapshots))

    def rotated(self, stationary_rows: FloatArray) -> FloatArray:
        """Principal components of stationary rows; (n, 12) → (n, k)."""
        scaled = self.scaled(stationary_rows)
        return np.asarray((scaled - self.means) @ self.components.T, np.float64)


def robust_scale(stationary_rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median and interquartile range of each column; a constant column gets the scale 1."""
    low, median, high = np.percentile(stationary_rows, (25, 50, 75), axis=0)
    spread = high - low
    return median, np.where(spread > 0, spread, 1.0)
