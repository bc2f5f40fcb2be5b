"""Recorded bars as the exchange's candles.

Called when the source is `bars`.
"""

from pathlib import Path

from tradinglab.adapters.bars_file import read_bars
from tradinglab_exchange.candles import Candle


def read_candles(file: Path, interval_ms: int) -> list[Candle]:
    """All bars of `file`, oldest first; missing bars stay missing, as on the exchange.

    Raises what `read_bars` raises: DataError naming what is torn, ConfigurationError without a
    file.
    """
    times, values = read_bars(file, interval_ms)
    return [Candle(time, *row) for time, row in zip(times.tolist(), values.tolist(), strict=True)]
