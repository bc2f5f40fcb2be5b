"""From a file of bars to folds: each kind of bad input ends in a named error or a known repair."""

import numpy as np
import pytest
from tests.market_data import synthetic_bars

from tradinglab.adapters.bars_frame import read_bars_file
from tradinglab.adapters.bars_store import describe
from tradinglab.domain.market import Market
from tradinglab.errors import DataError
from tradinglab_trainer.dataset import final_split, make_dataset, walk_forward

MARKET = Market("binance", "BTC/USDT", "1h")
HOUR, WINDOW, HORIZON, FOLDS = MARKET.bar_milliseconds, 64, 24, 3


def loaded(file):
    """What the trainer does with bars before anything is fitted."""
    bars = read_bars_file(file, MARKET)
    data = describe(bars, HOUR)
    dataset = make_dataset(bars, HOUR, WINDOW, HORIZON)
    return data, dataset, walk_forward(dataset, FOLDS), final_split(dataset)


def written(directory, bars, pack=False):
    file = directory / ("bars.csv.gz" if pack else "bars.csv")
    bars.to_csv(file, index_label="timestamp_ms")
    return file


def silent(bars):
    bars["volume"] = 0.0


def constant(bars):
    bars[["open", "high", "low", "close"]] = 100.0


def not_a_number(bars):
    bars.loc[bars.index[1234], "high"] = np.nan


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (silent, "volume is 0 in all 4000 bars"),
        (constant, r"close is 100\.0 in all 4000 bars"),
        (not_a_number, r"line 1236, column high: ''"),
    ],
)
def test_what_no_model_can_learn_from_is_refused(tmp_path, spoil, told):
    bars = synthetic_bars(4000)
    spoil(bars)
    with pytest.raises(DataError, match=told):
        loaded(written(tmp_path, bars))


def test_too_little_history_says_how_much_is_needed(tmp_path):
    with pytest.raises(DataError, match="history has 900 bars, expected at least 2308"):
        loaded(written(tmp_path, synthetic_bars(900)))


@pytest.mark.parametrize(
    ("order", "told"),
    [([5, 5], r"line 8, .* it repeats the time"), ([6, 5], r"line 8, .* it is older than the tim")],
)
def test_duplicate_or_unsorted_rows_are_named(tmp_path, order, told):
    bars = synthetic_bars(4000)
    rows = [*range(5), *order, *range(7, 4000)]
    with pytest.raises(DataError, match=told):
        loaded(written(tmp_path, bars.iloc[rows]))


def test_a_truncated_gzip_is_named(tmp_path):
    file = written(tmp_path, synthetic_bars(4000), pack=True)
    file.write_bytes(file.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"bars\.csv\.gz: cannot be read as CSV"):
        loaded(file)


def test_a_day_of_gaps_is_listed_and_the_windows_over_it_are_not_used(tmp_path):
    bars = synthetic_bars(4000)
    gap = slice(3000, 3024)
    data, dataset, folds, _ = loaded(written(tmp_path, bars.drop(bars.index[gap])))
    assert [(each.after, each.missing_bars) for each in data.gaps] == [(bars.index[2999], 24)]
    lost = range(3000 - HORIZON, 3000 + WINDOW - 1)
    assert not dataset.usable[lost.start : lost.stop].any()
    assert dataset.usable[lost.stop : 3900].all()
    assert all(len(dataset.rows(*fold.test)) > 0 for fold in folds)


def test_gaps_that_leave_too_few_usable_rows_are_told_with_their_number(tmp_path):
    bars = synthetic_bars(4000)
    kept = np.ones(4000, bool)
    kept[900::80] = False
    with pytest.raises(DataError, match=r"bars but only \d+ that a model can use.*: 39 gaps"):
        loaded(written(tmp_path, bars[kept]))


def test_a_slice_that_gaps_leave_nothing_of_is_named(tmp_path):
    bars = synthetic_bars(6000)
    start, stop = loaded(written(tmp_path, bars))[2][0].calibration
    kept = np.ones(6000, bool)
    kept[start:stop:60] = False
    with pytest.raises(DataError, match=r"fold 1: its calibration slice \(2024-.* has \d+ rows of"):
        loaded(written(tmp_path, bars[kept]))


def test_a_price_that_stands_still_while_a_fold_trains_is_named(tmp_path):
    bars = synthetic_bars(4000)
    bars.iloc[800:2200, :4] = bars.close.iloc[799]
    with pytest.raises(DataError, match="fold 1: close is unchanged after 24 bars in half or more"):
        loaded(written(tmp_path, bars))
