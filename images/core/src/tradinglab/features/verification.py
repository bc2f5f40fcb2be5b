"""What makes a series of bars wrong, row by row: one rule for files, exchange and store.

Called by the reader of bar files, the bars store and the examination of a whole history. Imports
nothing but numpy: the exchange program carries no pandas.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradinglab.features.columns import BAR_COLUMNS, FloatArray

TIME_COLUMN: Final = "timestamp_ms"
Times = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """The first wrong value of a series; `row` counts from 0."""

    row: int
    column: str
    value: float
    expected: str


def first_problem(times: Times, values: FloatArray, bar_milliseconds: int) -> Problem | None:
    """The first row that breaks a rule, or None. `values`: (n, 5), BAR_COLUMNS.

    Open times ascend strictly and are multiples of the bar's length; prices are finite and above
    0, volume is finite and not negative; high is the highest of its bar, low the lowest. Missing
    bars break no rule.
    """
    found = [
        (int(wrong.argmax()), column, expected)
        for column, expected, wrong in _rules(times, values, bar_milliseconds)
        if wrong.any()
    ]
    if not found:
        return None
    row, column, expected = min(found, key=lambda each: each[0])
    if column == TIME_COLUMN:
        if expected == _ASCENDING:
            how = "repeats" if times[row] == times[row - 1] else "is older than"
            expected += f": it {how} the time before it ({times[row - 1]})"
        return Problem(row, column, int(times[row]), expected)
    return Problem(row, column, float(values[row, BAR_COLUMNS.index(column)]), expected)


_ASCENDING = "ascending times"


def _rules(
    times: Times, values: FloatArray, bar_milliseconds: int
) -> Iterator[tuple[str, str, Flags]]:
    """Column, what is expected of it, and the rows where it is not so."""
    yield (
        TIME_COLUMN,
        f"UTC milliseconds that are a multiple of the timeframe's {bar_milliseconds}",
        times % bar_milliseconds != 0,
    )
    yield TIME_COLUMN, _ASCENDING, np.diff(times, prepend=times[:1] - 1) <= 0
    for i, name in enumerate(BAR_COLUMNS[:-1]):
        yield name, "a price above 0", ~(np.isfinite(values[:, i]) & (values[:, i] > 0))
    open_, high, low, close, volume = values.T
    yield "volume", "0 or more", ~(np.isfinite(volume) & (volume >= 0))
    yield "high", "at least open, close and low", high < np.maximum(np.maximum(open_, close), low)
    yield "low", "at most open, close and high", low > np.minimum(np.minimum(open_, close), high)
