"""Reads recorded bars from a CSV file, plain or gzipped.

Called when the source is `bars`. Columns: timestamp_ms, open, high, low, close, volume.
"""

import csv
import gzip
import math
from collections.abc import Iterator
from pathlib import Path

from tradinglab.errors import ConfigurationError, DataError
from tradinglab_exchange.candles import Candle

COLUMNS = ("timestamp_ms", "open", "high", "low", "close", "volume")


def _lines(file: Path) -> Iterator[list[str]]:
    try:
        with (
            gzip.open(file, "rt", newline="") if file.suffix == ".gz" else file.open(newline="")
        ) as text:
            yield from csv.reader(text)
    except FileNotFoundError:
        raise ConfigurationError(f"bars: {file} does not exist") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV: {error}") from error


def _number(file: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    lowest_allowed = value >= 0 if column == "volume" else value > 0
    if not (math.isfinite(value) and lowest_allowed):
        expected = "a number, 0 or more" if column == "volume" else "a number above 0"
        raise DataError(f"{file}, line {line}, column {column}: {text!r}, expected {expected}")
    return value


def _candle(file: Path, line: int, cells: list[str]) -> Candle:
    if len(cells) != len(COLUMNS):
        raise DataError(f"{file}, line {line}: {len(cells)} columns, expected {len(COLUMNS)}")
    if not cells[0].isdecimal():
        raise DataError(
            f"{file}, line {line}, column timestamp_ms: {cells[0]!r}, expected UTC milliseconds"
        )
    values = [
        _number(file, line, column, text)
        for column, text in zip(COLUMNS[1:], cells[1:], strict=True)
    ]
    candle = Candle(int(cells[0]), *values)
    for column, value, bound, fits in (
        ("high", candle.high, "open, close and low", candle.high >= max(values[:4])),
        ("low", candle.low, "open, close and high", candle.low <= min(values[:4])),
    ):
        if not fits:
            relation = "at least" if column == "high" else "at most"
            raise DataError(
                f"{file}, line {line}, column {column}: {value}, expected {relation} {bound}"
            )
    return candle


def read_candles(file: Path, interval_ms: int) -> list[Candle]:
    """All bars of `file`, oldest first; missing bars stay missing, as on the exchange.

    Raises DataError naming file, line, column and value of what is torn, and ConfigurationError
    when there is no such file.
    """
    candles: list[Candle] = []
    for line, cells in enumerate(_lines(file), start=1):
        if line == 1:
            if tuple(cells) != COLUMNS:
                raise DataError(
                    f"{file}, line 1: columns {','.join(cells)}, expected {','.join(COLUMNS)}"
                )
            continue
        candle = _candle(file, line, cells)
        if candle.open_time % interval_ms:
            raise DataError(
                f"{file}, line {line}, column timestamp_ms: {candle.open_time}, expected a "
                f"multiple of the timeframe's {interval_ms} ms"
            )
        if candles and candle.open_time <= candles[-1].open_time:
            how = "repeats" if candle.open_time == candles[-1].open_time else "is older than"
            raise DataError(
                f"{file}, line {line}, column timestamp_ms: {candle.open_time} {how} the time of "
                f"the line before ({candles[-1].open_time}), expected ascending times"
            )
        candles.append(candle)
    if len(candles) < 2:
        raise DataError(f"{file}: {len(candles)} bars, expected at least 2")
    return candles
