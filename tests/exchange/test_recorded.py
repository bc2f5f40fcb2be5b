"""Recorded bars become candles as they stand in the file; its reader has tests of its own."""

from pathlib import Path

import pytest

from tradinglab.errors import DataError
from tradinglab_exchange.recorded import read_candles

HOUR = 3_600_000


def test_rows_become_candles_and_missing_bars_stay_missing(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    rows = [f"{HOUR * i},100.0,101.5,99.0,100.5,12.25" for i in (1, 2, 5)]
    file.write_text("\n".join(["timestamp_ms,open,high,low,close,volume", *rows]))
    candles = read_candles(file, HOUR)
    assert candles[0] == (HOUR, 100.0, 101.5, 99.0, 100.5, 12.25)
    assert [candle.open_time for candle in candles] == [HOUR, 2 * HOUR, 5 * HOUR]
    assert type(candles[0].open_time) is int
    with pytest.raises(DataError, match="multiple of the timeframe's 86400000"):
        read_candles(file, 24 * HOUR)
