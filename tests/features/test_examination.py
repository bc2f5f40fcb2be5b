"""A history looked over: what no model can learn from is refused, what markets do is listed."""

import numpy as np
import pytest
from tests.market_data import HOURLY, SHARED_DATA, real_bars, synthetic_bars

from tradinglab.artifact.manifest import DataRange
from tradinglab.errors import DataError
from tradinglab.features.examination import LISTED, examine

HOUR, MINUTE = 3_600_000, 60_000


def arrays(bars):
    return bars.index.to_numpy(np.int64).copy(), bars.to_numpy(np.float64).copy()


@pytest.fixture
def series():
    return arrays(synthetic_bars(2000))


@pytest.mark.parametrize(
    ("name", "bar_milliseconds", "gaps", "missing", "silent", "outliers"),
    [
        (HOURLY.name, HOUR, 28, 128, 4, 4),
        ("btcusdt-1m-2021-04.csv.gz", MINUTE, 1, 284, 0, 0),
        ("btcusdt-1m-2023-03.csv.gz", MINUTE, 1, 80, 72, 1),
    ],
)
def test_real_markets_pass_crashes_and_halts_included(
    name, bar_milliseconds, gaps, missing, silent, outliers
):
    found = examine(*arrays(real_bars(path=SHARED_DATA / name)), bar_milliseconds)
    assert (found.gap_count, found.missing_bars) == (gaps, missing)
    assert len(found.gaps) == gaps
    assert found.zero_volume_bars == silent
    assert len(found.outliers) == outliers


def test_the_halt_of_march_2023_is_listed_as_one_stretch():
    path = SHARED_DATA / "btcusdt-1m-2023-03.csv.gz"
    (stretch,) = examine(*arrays(real_bars(path=path)), MINUTE).zero_volume
    assert stretch.bars == 72
    assert stretch.start == 1_679_657_280_000  # 11:28 UTC


@pytest.mark.parametrize("factor", [10, 0.1, 100])
@pytest.mark.parametrize("bars", [1, 3])
def test_a_misplaced_decimal_point_is_refused_with_its_bar(series, factor, bars):
    times, values = series
    values[700 : 700 + bars, :4] *= factor
    with pytest.raises(DataError, match=rf"bar {times[700]}: close is .*misplaced decimal"):
        examine(times, values, HOUR)


def test_a_crash_that_stays_is_no_misplaced_decimal(series):
    times, values = series
    values[700:, :4] /= 12
    assert examine(times, values, HOUR).outliers == ()


def test_a_close_that_leaves_its_neighbours_and_returns_is_listed(series):
    times, values = series
    values[700, 3] *= 1.15
    values[700, 1] = values[700, 3]
    values[701, 0] = values[701, 3]
    (outlier,) = examine(times, values, HOUR).outliers
    assert (outlier.open_time, outlier.column) == (times[700], "close")
    assert outlier.value == values[700, 3]


def test_a_wick_far_from_its_body_is_listed_not_refused(series):
    times, values = series
    values[700, 2] /= 8
    (outlier,) = examine(times, values, HOUR).outliers
    assert (outlier.open_time, outlier.column, outlier.value) == (times[700], "low", values[700, 2])


def test_a_market_without_trades_is_refused(series):
    times, values = series
    values[:, 4] = 0
    with pytest.raises(DataError, match="volume is 0 in all 2000 bars"):
        examine(times, values, HOUR)


def test_a_constant_price_is_refused(series):
    times, values = series
    values[:, :4] = 42.5
    with pytest.raises(DataError, match=r"close is 42\.5 in all 2000 bars"):
        examine(times, values, HOUR)


@pytest.mark.parametrize(
    ("row", "column", "value", "told"),
    [(5, 3, np.nan, "close is nan"), (6, 1, 1.0, r"high is 1\.0, expected at least")],
)
def test_a_torn_bar_is_named(series, row, column, value, told):
    times, values = series
    values[row, column] = value
    with pytest.raises(DataError, match=f"bar {times[row]}: {told}"):
        examine(times, values, HOUR)


def test_lists_keep_the_greatest_and_counts_tell_of_all():
    bars = synthetic_bars(2000)
    kept = np.ones(2000, bool)
    kept[10::10] = False
    kept[1001:1005] = False
    times, values = arrays(bars[kept])
    found = examine(times, values, HOUR)
    assert (found.gap_count, len(found.gaps)) == (199, LISTED)
    assert found.missing_bars == 2000 - len(times)
    assert max(gap.missing_bars for gap in found.gaps) == 5
    assert list(found.gaps) == sorted(found.gaps, key=lambda gap: gap.after)


def test_the_hash_is_of_times_and_values(series):
    times, values = series
    hashes = {examine(times, values, HOUR).sha256}
    values[3, 4] += 1e-9
    hashes.add(examine(times, values, HOUR).sha256)
    hashes.add(examine(times + HOUR, values, HOUR).sha256)
    assert len(hashes) == 3


def test_a_manifest_from_before_the_examination_still_loads():
    old = '{"start":0,"end":7,"bars":2,"sha256":"00","gaps":[{"after":0,"missingBars":1}]}'
    assert DataRange.model_validate_json(old).outliers == ()
