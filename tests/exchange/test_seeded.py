"""The generated market: repeatable, plausible, and with something to learn."""

import time
from itertools import islice

import numpy as np
import pytest

from tradinglab_exchange.seeded import (
    FIRST_OPEN_TIME,
    MEAN_REGIME_BARS,
    Regime,
    candles,
    candles_with_regimes,
)


def test_same_seed_gives_the_same_bars_however_many_are_asked_for() -> None:
    few = list(islice(candles(7, "1h"), 100))
    many = list(islice(candles(7, "1h"), 9_000))
    assert many[:100] == few


def test_other_seed_gives_other_bars() -> None:
    assert list(islice(candles(7, "1h"), 10)) != list(islice(candles(8, "1h"), 10))


def test_bars_start_with_2024_and_follow_without_gaps() -> None:
    times = [candle.open_time for candle in islice(candles(7, "1h"), 50)]
    assert times == [FIRST_OPEN_TIME + 3_600_000 * i for i in range(50)]


@pytest.mark.parametrize("seed", range(5))
def test_bars_are_ordered_prices_in_ticks_of_a_cent(seed: int) -> None:
    for candle in islice(candles(seed, "1h"), 6_000):
        assert candle.low <= min(candle.open, candle.close)
        assert candle.high >= max(candle.open, candle.close)
        assert candle.low > 0 and candle.volume > 0
        assert round(candle.close, 2) == candle.close


def test_twenty_thousand_bars_take_less_than_a_second() -> None:
    started = time.perf_counter()
    list(islice(candles(7, "1h"), 20_000))
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize("seed", [7, 11])
def test_regimes_persist_and_carry_drift(seed: int) -> None:
    drawn = list(islice(candles_with_regimes(seed, "1h"), 20_000))
    regimes = np.array([int(regime) for _, regime in drawn])
    returns = np.log([candle.close / candle.open for candle, _ in drawn])
    scale = returns.std()
    for regime, sign in ((Regime.BULL, 1), (Regime.BEAR, -1)):
        assert 0.15 < sign * returns[regimes == regime].mean() / scale < 0.35
    switches = np.count_nonzero(np.diff(regimes))
    assert 0.6 < switches * MEAN_REGIME_BARS / len(regimes) < 1.4
    assert 0.004 < scale < 0.009


def test_past_trend_tells_something_about_the_next_bars() -> None:
    closes = np.array([candle.close for candle in islice(candles(7, "1h"), 20_000)])
    logs = np.log(closes)
    past, ahead = logs[48:-24] - logs[:-72], logs[72:] - logs[48:-24]
    assert np.corrcoef(past, ahead)[0, 1] > 0.1


def test_volume_grows_with_volatility() -> None:
    drawn = list(islice(candles(7, "1h"), 10_000))
    ranges = np.log([(c.high - c.low) / c.open for c in drawn])
    volumes = np.log([c.volume for c in drawn])
    assert np.corrcoef(ranges, volumes)[0, 1] > 0.4
