"""Reading recorded bars: what is torn is named by file, line, column and value."""

import gzip
from pathlib import Path

import pytest

from tradinglab.errors import ConfigurationError, DataError
from tradinglab_exchange.recorded import read_candles

HOUR = 3_600_000
HEADER = "timestamp_ms,open,high,low,close,volume"
ROWS = [f"{HOUR * i},100.0,101.5,99.0,100.5,12.25" for i in range(1, 4)]


def written(directory: Path, *lines: str) -> Path:
    file = directory / "bars.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_plain_and_gzipped_files_read_the_same(tmp_path: Path) -> None:
    plain = written(tmp_path, HEADER, *ROWS)
    packed = tmp_path / "bars.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_candles(packed, HOUR) == read_candles(plain, HOUR)
    assert read_candles(plain, HOUR)[0] == (HOUR, 100.0, 101.5, 99.0, 100.5, 12.25)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"{HOUR * 4},100,101,99,x1,5", "line 5, column close: 'x1'"),
        (f"{HOUR * 4},100,101,99,nan,5", "line 5, column close: 'nan'"),
        (f"{HOUR * 4},0,101,99,100,5", "line 5, column open: '0'"),
        (f"{HOUR * 4},100,101,99,100,-1", "line 5, column volume: '-1'"),
        (f"{HOUR * 4},100,100.2,99,100.5,5", "line 5, column high: 100.2"),
        (f"{HOUR * 4},100,101,100.7,100.5,5", "line 5, column low: 100.7"),
        ("yesterday,100,101,99,100,5", "line 5, column timestamp_ms: 'yesterday'"),
        (f"{HOUR * 4 + 1},100,101,99,100,5", "line 5, column timestamp_ms: 14400001"),
        (f"{HOUR * 3},100,101,99,100,5", "repeats the time"),
        (f"{HOUR * 2},100,101,99,100,5", "is older than the time"),
        (f"{HOUR * 4},100,101,99", "line 5: 4 columns"),
    ],
)
def test_torn_row_is_named(tmp_path: Path, row: str, told: str) -> None:
    file = written(tmp_path, HEADER, *ROWS, row)
    with pytest.raises(DataError) as raised:
        read_candles(file, HOUR)
    assert told in str(raised.value)
    assert str(file) in str(raised.value)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: columns time,open"):
        read_candles(written(tmp_path, "time,open"), HOUR)


def test_missing_file_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_candles(tmp_path / "none.csv", HOUR)


def test_torn_gzip_is_named(tmp_path: Path) -> None:
    packed = tmp_path / "bars.csv.gz"
    packed.write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode())[:-9])
    with pytest.raises(DataError, match=r"bars\.csv\.gz: cannot be read"):
        read_candles(packed, HOUR)
