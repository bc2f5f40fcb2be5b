"""Rules across fields, as the models enforce them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tradinglab.domain.history import LEAST_USABLE_BARS
from tradinglab.domain.market import timeframe_milliseconds
from tradinglab.features.pipeline import lookback_bars
from tradinglab.resource.rules import needed_bars
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.dataset import Dataset, walk_forward


def spec(**changes: object) -> TradingModelSpec:
    return TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}, **changes})


def test_the_defaults_are_valid() -> None:
    assert spec().market.history_bars == 5 * 365 * 24


def test_a_horizon_beyond_four_windows_is_refused_by_name() -> None:
    with pytest.raises(
        ValidationError,
        match=r"training\.horizonBars must be at most four times .* \(found 65 and 16\)",
    ):
        spec(training={"horizonBars": 65, "windowBars": 16})


def test_a_history_too_short_is_refused_with_the_number_of_bars() -> None:
    with pytest.raises(
        ValidationError, match=r"market\.history is too short .*30d is 720 bars of 1h"
    ):
        spec(market={"symbol": "BTC/USDT", "history": "30d"})


def test_a_history_beyond_twenty_years_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most 20 years"):
        spec(market={"symbol": "BTC/USDT", "history": "21y"})


def test_needed_bars_counts_thirty_days_of_minutes() -> None:
    asked = spec(market={"symbol": "BTC/USDT", "timeframe": "1m"})
    assert needed_bars(asked) == 30 * 1440 + (64 + 24) + max(4 * 5 * (64 + 24), 1500)


def test_needed_bars_leaves_room_to_judge_on_when_window_and_horizon_are_short() -> None:
    asked = spec(training={"windowBars": 16, "horizonBars": 1})
    assert needed_bars(asked) == 30 * 24 + 17 + LEAST_USABLE_BARS


def gapless(count: int, window: int, horizon: int, bar: int) -> Dataset:
    """Of a price that always moves; every row after the lookback can be used."""
    nothing = np.empty((count, 0))
    return Dataset(
        times=bar * np.arange(count),
        snapshots=nothing,
        stationary=nothing,
        har_terms=nothing,
        returns=np.ones(count),
        future_log_volatility=nothing,
        usable=np.arange(count) >= lookback_bars(window, bar),
        window_bars=window,
        horizon_bars=horizon,
        bar_milliseconds=bar,
    )


@settings(max_examples=60, deadline=None)
@given(
    window=st.integers(16, 512),
    horizon=st.integers(1, 168),
    folds=st.integers(1, 12),
    timeframe=st.sampled_from(["5m", "1h", "4h"]),
)
def test_the_shortest_history_gives_the_first_fold_eight_windows(
    window: int, horizon: int, folds: int, timeframe: str
) -> None:
    """The trainer's own arithmetic on a history of exactly the bars that the rule demands."""
    horizon = min(horizon, 4 * window)
    asked = spec(
        market={"symbol": "BTC/USDT", "timeframe": timeframe, "history": "20y"},
        training={"windowBars": window, "horizonBars": horizon, "folds": folds},
    )
    needed = needed_bars(asked)
    bar = timeframe_milliseconds(timeframe)
    assert needed >= lookback_bars(window, bar) + horizon + LEAST_USABLE_BARS
    bars = gapless(needed, window, horizon, bar)
    for fold in walk_forward(bars, folds):
        for start, stop in (fold.stop, fold.calibration, fold.test):
            assert stop - start >= horizon
    start, stop = walk_forward(bars, folds)[0].train
    assert stop - start >= 8 * window
