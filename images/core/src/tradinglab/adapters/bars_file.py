"""Reads bars from a CSV file, plain or gzipped: timestamp_ms, open, high, low, close, volume.

Called by the exchange program and, through `bars_frame`, by the trainer. Numpy's C parser does the
work; the file is gone through line by line only to name what is wrong in it.
"""

import gzip
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tradinglab.errors import ConfigurationError, DataError
from tradinglab.features.columns import BAR_COLUMNS, FloatArray
from tradinglab.features.verification import TIME_COLUMN, Problem, Times, first_problem

COLUMNS: Final = (TIME_COLUMN, *BAR_COLUMNS)
ROW: Final = np.dtype([(TIME_COLUMN, np.int64), *((name, np.float64) for name in BAR_COLUMNS)])
Rows = np.ndarray[tuple[int], np.dtype[np.void]]
TORN: Final = (OSError, EOFError, UnicodeDecodeError, zlib.error)


def read_bars(file: Path, bar_milliseconds: int) -> tuple[Times, FloatArray]:
    """Open times, (n,), and BAR_COLUMNS, (n, 5), oldest first; missing bars stay missing.

    Raises DataError naming file, line, column, value and what is expected where a row is torn or
    breaks a rule of `first_problem`, ConfigurationError when there is no such file.
    """
    try:
        rows = _parsed(file)
    except FileNotFoundError:
        raise ConfigurationError(f"bars: {file} does not exist") from None
    except TORN as error:
        raise DataError(f"{file}: cannot be read as CSV: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{file}: {len(rows)} bars, expected at least 2")
    times, values = columns(rows)
    problem = first_problem(times, values, bar_milliseconds)
    if problem is not None:
        raise _named(file, _line_of(file, problem.row), problem)
    return times, values


def columns(rows: Rows) -> tuple[Times, FloatArray]:
    """Open times, (n,), and BAR_COLUMNS, (n, 5), of rows of the type ROW."""
    values = np.empty((len(rows), len(BAR_COLUMNS)))
    for i, name in enumerate(BAR_COLUMNS):
        values[:, i] = rows[name]
    return np.ascontiguousarray(rows[TIME_COLUMN]), values


def _parsed(file: Path) -> Rows:
    header = next(_lines(file), (1, ""))[1]
    if tuple(header.split(",")) != COLUMNS:
        raise DataError(f"{file}, line 1: columns {header!r}, expected {','.join(COLUMNS)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a file without rows, refused below
        warnings.simplefilter("error", DeprecationWarning)  # of a time that is no whole number
        try:
            return np.loadtxt(
                file, dtype=ROW, delimiter=",", skiprows=1, comments=None, ndmin=1, encoding="utf-8"
            )
        except UnicodeDecodeError:
            raise
        except (ValueError, DeprecationWarning) as error:
            raise _unparsed(file, error) from error


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Each line that is not blank, with its number from 1; as the parser takes them."""
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8") as text:
        for number, line in enumerate(text, start=1):
            content = line.rstrip("\r\n")
            if content or number == 1:
                yield number, content


def _line_of(file: Path, row: int) -> int:
    return next(number for i, (number, _) in enumerate(_lines(file)) if i == row + 1)


def _named(file: Path, line: int, problem: Problem) -> DataError:
    return DataError(
        f"{file}, line {line}, column {problem.column}: {problem.value}, "
        f"expected {problem.expected}"
    )


def _unparsed(file: Path, cause: Exception) -> DataError:
    """Names the first cell that is no number, or the first row that has not six of them."""
    for line, content in _lines(file):
        if line == 1:
            continue
        cells = content.split(",")
        if len(cells) != len(COLUMNS):
            return DataError(
                f"{file}, line {line}: {len(cells)} columns, expected {len(COLUMNS)}: "
                f"{','.join(COLUMNS)}"
            )
        for column, text in zip(COLUMNS, cells, strict=True):
            parse, expected = (
                (int, "UTC milliseconds") if column == TIME_COLUMN else (float, "a number")
            )
            try:
                parse(text)
            except ValueError:
                return DataError(
                    f"{file}, line {line}, column {column}: {text!r}, expected {expected}"
                )
    return DataError(f"{file}: cannot be read as CSV: {cause}")
