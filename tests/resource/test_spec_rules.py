"""Rules across fields, as the models enforce them."""

import pytest
from pydantic import ValidationError

from tradinglab.resource.rules import needed_bars
from tradinglab.resource.spec import TradingModelSpec


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
    given = spec(market={"symbol": "BTC/USDT", "timeframe": "1m"})
    assert needed_bars(given) == 30 * 1440 + 4 * 5 * (64 + 24)
