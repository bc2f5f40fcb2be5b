"""Reading bars from a file: what is torn is named by file, line, column, value and expectation."""

import gzip
import subprocess
import sys

import numpy as np
import pytest

from tradinglab.adapters.bars_file import read_bars
from tradinglab.adapters.bars_frame import read_bars_file
from tradinglab.domain.market import Market
from tradinglab.errors import ConfigurationError, DataError

HOUR = 3_600_000
HEADER = "timestamp_ms,open,high,low,close,volume"
ROWS = [f"{HOUR * i},100.0,101.5,99.0,100.5,12.25" for i in range(1, 4)]


def written(directory, *lines, end="\n"):
    file = directory / "bars.csv"
    file.write_bytes((end.join(lines) + end).encode())
    return file


def test_plain_gzipped_and_crlf_files_read_the_same(tmp_path):
    plain = written(tmp_path, HEADER, *ROWS)
    packed = tmp_path / "bars.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    times, values = read_bars(plain, HOUR)
    assert times.tolist() == [HOUR, 2 * HOUR, 3 * HOUR]
    assert values.tolist() == [[100.0, 101.5, 99.0, 100.5, 12.25]] * 3
    for other in (packed, written(tmp_path, HEADER, *ROWS, "", end="\r\n")):
        same_times, same_values = read_bars(other, HOUR)
        np.testing.assert_array_equal(same_times, times)
        np.testing.assert_array_equal(same_values, values)


def test_a_frame_is_indexed_by_open_time(tmp_path):
    frame = read_bars_file(written(tmp_path, HEADER, *ROWS), Market("binance", "BTC/USDT", "1h"))
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert frame.index.name == "open_time"
    assert frame.index.tolist() == [HOUR, 2 * HOUR, 3 * HOUR]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"{HOUR * 4},100,101,99,x1,5", "line 5, column close: 'x1', expected a number"),
        (f"{HOUR * 4},100,101,99,,5", "line 5, column close: '', expected a number"),
        (f"{HOUR * 4},100,101,99,nan,5", "line 5, column close: nan, expected a price above 0"),
        (f"{HOUR * 4},100,inf,99,100,5", "line 5, column high: inf, expected a price above 0"),
        (f"{HOUR * 4},0,101,99,100,5", "line 5, column open: 0.0, expected a price above 0"),
        (f"{HOUR * 4},100,101,99,100,-1", "line 5, column volume: -1.0, expected 0 or more"),
        (f"{HOUR * 4},100,100.2,99,100.5,5", "line 5, column high: 100.2, expected at least"),
        (f"{HOUR * 4},100,101,100.7,100.5,5", "line 5, column low: 100.7, expected at most"),
        ("yesterday,100,101,99,100,5", "line 5, column timestamp_ms: 'yesterday', expected UTC"),
        (f"{HOUR * 4}.5,100,101,99,100,5", "line 5, column timestamp_ms: '14400000.5', expected"),
        (f"{HOUR * 4 + 1},100,101,99,100,5", "line 5, column timestamp_ms: 14400001, expected"),
        (f"{HOUR * 3},100,101,99,100,5", "line 5, column timestamp_ms: 10800000, expected asc"),
        (f"{HOUR * 3},100,101,99,100,5", "it repeats the time before it (10800000)"),
        (f"{HOUR * 2},100,101,99,100,5", "it is older than the time before it (10800000)"),
        (f"{HOUR * 4},100,101,99", "line 5: 4 columns, expected 6"),
        (f"{HOUR * 4},100,101,99,100,5,6", "line 5: 7 columns, expected 6"),
    ],
)
def test_a_torn_row_is_named(tmp_path, row, told):
    file = written(tmp_path, HEADER, *ROWS, row)
    with pytest.raises(DataError) as raised:
        read_bars(file, HOUR)
    assert told in str(raised.value)
    assert str(file) in str(raised.value)


def test_the_line_is_right_behind_blank_lines(tmp_path):
    file = written(tmp_path, HEADER, ROWS[0], "", *ROWS[1:], f"{HOUR * 4},100,101,99,100,-1")
    with pytest.raises(DataError, match=r"line 6, column volume: -1\.0"):
        read_bars(file, HOUR)


@pytest.mark.parametrize(("lines", "found"), [([HEADER], 0), ([HEADER, ROWS[0]], 1)])
def test_a_file_without_a_history_says_how_many_bars_it_has(tmp_path, lines, found):
    with pytest.raises(DataError, match=f"{found} bars, expected at least 2"):
        read_bars(written(tmp_path, *lines), HOUR)


@pytest.mark.parametrize("header", ["time,open", "", "﻿" + HEADER, ROWS[0]])
def test_other_columns_are_refused(tmp_path, header):
    with pytest.raises(DataError, match=r"line 1: columns .*, expected timestamp_ms,open,high"):
        read_bars(written(tmp_path, header, *ROWS), HOUR)


def test_a_missing_file_is_a_wrong_setting(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_bars(tmp_path / "none.csv", HOUR)


@pytest.mark.parametrize("cut", [3, 9, 40])
def test_a_truncated_gzip_is_named_wherever_it_ends(tmp_path, cut):
    rows = [f"{HOUR * i},100.0,101.5,99.0,100.5,{i}" for i in range(1, 2000)]
    packed = tmp_path / "bars.csv.gz"
    packed.write_bytes(gzip.compress("\n".join([HEADER, *rows]).encode())[:-cut])
    with pytest.raises(DataError, match=r"bars\.csv\.gz: cannot be read"):
        read_bars(packed, HOUR)


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_a_file_whose_name_belies_its_content_is_refused(tmp_path, name):
    content = "\n".join([HEADER, *ROWS]).encode()
    file = tmp_path / name
    file.write_bytes(content if name.endswith(".gz") else gzip.compress(content))
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_bars(file, HOUR)


def test_reading_needs_no_pandas():
    code = "import sys, tradinglab.adapters.bars_file; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
