"""The rules of a series: the first broken one is named, and a single bar is judged the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.market_data import synthetic_bars

from tradinglab.domain.bar import Bar
from tradinglab.errors import DataError
from tradinglab.features.verification import first_problem

HOUR = 3_600_000


def arrays(rows=50):
    bars = synthetic_bars(rows)
    return bars.index.to_numpy(np.int64).copy(), bars.to_numpy(np.float64).copy()


def test_whole_bars_have_no_problem_and_gaps_are_none():
    times, values = arrays()
    kept = np.delete(np.arange(50), slice(20, 30))
    assert first_problem(times, values, HOUR) is None
    assert first_problem(times[kept], values[kept], HOUR) is None


def test_the_earliest_row_is_named_whichever_rule_it_breaks():
    times, values = arrays()
    values[40, 0] = np.nan
    values[30, 4] = -1
    times[20] += 5
    found = []
    for row, repaired in ((20, times), (30, values), (40, values)):
        problem = first_problem(times, values, HOUR)
        found.append((problem.row, problem.column))
        repaired[row] = arrays()[repaired is values][row]
    assert found == [(20, "timestamp_ms"), (30, "volume"), (40, "open")]
    assert first_problem(times, values, HOUR) is None


price = st.one_of(
    st.floats(0.5, 2), st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1.0, 1.5])
)


@given(st.tuples(price, price, price, price, price))
def test_a_series_and_a_single_bar_are_judged_the_same(row):
    problem = first_problem(np.array([HOUR]), np.array([row]), HOUR)
    if problem is None:
        Bar(HOUR, *row).verified()
    else:
        with pytest.raises(DataError, match=problem.column):
            Bar(HOUR, *row).verified()
