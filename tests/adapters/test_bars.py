"""Bars: stored whole or not, resumed where they end, never silently replaced."""

import ccxt
import pytest

from tradinglab.adapters.bars_history import BarsHistory
from tradinglab.adapters.bars_store import BarsStore, describe
from tradinglab.domain.bar import Bar
from tradinglab.domain.market import Market
from tradinglab.errors import ConfigurationError, DataError, ExchangeUnavailable, StorageError

HOUR = 3_600_000
MARKET = Market("binance", "BTC/USDT", "1h")


def bar(i, close=100.0):
    return Bar(i * HOUR, close, close + 1, close - 1, close, 5.0)


class FakeClient:
    """Answers as ccxt does; `failures` are raised first."""

    def __init__(self, bars, failures=()):
        self.bars, self.failures, self.calls = bars, list(failures), []

    def fetch_ohlcv(self, symbol, timeframe, since, limit):
        self.calls.append(since)
        if self.failures:
            raise self.failures.pop(0)
        rows = [b for b in self.bars if since is None or b.open_time >= since]
        rows = rows[-limit:] if since is None else rows[:limit]
        return [[b.open_time, b.open, b.high, b.low, b.close, b.volume] for b in rows]


def extent(store):
    times = store.read().index
    return (times[0], times[-1]) if len(times) else None


def update(store, client, bars=5000):
    history = BarsHistory(client, MARKET, pause=lambda _: None)
    return history.update(store, bars * HOUR, lambda *_: None)


@pytest.fixture
def store(tmp_path):
    store = BarsStore(tmp_path / "bars", MARKET)
    yield store
    store.close()


def test_the_newest_bar_is_in_progress_and_is_not_stored(store):
    update(store, FakeClient([bar(i) for i in range(1, 2502)]))
    assert extent(store) == (HOUR, 2500 * HOUR)


def test_a_second_run_asks_only_for_what_is_new(store):
    bars = [bar(i) for i in range(1, 2502)]
    update(store, FakeClient(bars), bars=2500)
    client = FakeClient([*bars, bar(2502), bar(2503)])
    update(store, client, bars=2500)
    assert extent(store) == (HOUR, 2502 * HOUR)
    assert client.calls[1:] == [2500 * HOUR]


def test_an_interruption_costs_one_page(store):
    bars = [bar(i) for i in range(1, 3502)]
    client = FakeClient(bars)
    pages = []

    def stop_at_second_page(*_):
        pages.append(1)
        if len(pages) == 2:
            raise KeyboardInterrupt

    history = BarsHistory(client, MARKET, pause=lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        history.update(store, 3500 * HOUR, stop_at_second_page)
    assert len(store.read()) == 2000
    update(store, client, bars=3500)
    assert len(store.read()) == 3500


def test_a_widening_that_was_interrupted_is_completed_later(store):
    bars = [bar(i) for i in range(1, 5002)]
    update(store, FakeClient(bars), bars=1000)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BarsHistory(FakeClient(bars), MARKET, pause=lambda _: None).update(store, 5000 * HOUR, stop)
    update(store, FakeClient(bars), bars=5000)
    assert len(store.read()) == 5000


def test_after_a_long_pause_the_hole_before_the_history_is_not_called_covered(store):
    update(store, FakeClient([bar(i) for i in range(1, 102)]), bars=100)
    later = [bar(i) for i in range(1, 3002)]
    update(store, FakeClient(later), bars=100)
    assert store.covered() == (2901 * HOUR, 3000 * HOUR)
    update(store, FakeClient(later), bars=3000)
    assert len(store.read()) == 3000


def test_a_bar_that_differs_from_the_stored_one_is_refused_and_nothing_is_lost(store):
    store.append([bar(1), bar(2)], HOUR)
    with pytest.raises(DataError, match=r"bar 7200000 of .* at the exchange"):
        store.append([bar(2, close=50.0), bar(3)], HOUR)
    assert extent(store) == (HOUR, 2 * HOUR)


@pytest.mark.parametrize(
    ("torn", "named"),
    [
        (Bar(HOUR, 1, 2, 3, 1, 1), "high is 2.0, expected at least open, close and low"),
        (Bar(HOUR, 1, float("nan"), 1, 1, 1), "high is nan"),
        (Bar(HOUR, 1, 2, 1, 1, -1), "volume is -1"),
        (
            Bar(HOUR + 1, 1, 2, 1, 1, 1),
            "timestamp_ms is 3600001, expected .* multiple of the timeframe's 3600000",
        ),
    ],
)
def test_a_torn_bar_is_named(store, torn, named):
    with pytest.raises(DataError, match=named):
        store.append([torn], HOUR)
    assert extent(store) is None


@pytest.mark.parametrize(
    ("order", "told"), [((1, 2, 2, 3, 4), "repeats"), ((1, 3, 2, 3, 4), "is older than")]
)
def test_an_answer_with_bars_twice_or_out_of_order_is_refused(store, order, told):
    with pytest.raises(DataError, match=f"bar 7200000 of binance: timestamp_ms .*it {told}"):
        update(store, FakeClient([bar(i) for i in order]))
    assert extent(store) is None


def test_an_answer_without_a_number_is_refused(store):
    class Torn(FakeClient):
        def fetch_ohlcv(self, *args):
            return [[*row[:4], None, row[5]] for row in super().fetch_ohlcv(*args)]

    with pytest.raises(DataError, match=r"bar \[.*None.*\] of the exchange is no row of six"):
        update(store, Torn([bar(i) for i in range(1, 5)]))


def test_gaps_are_listed(store):
    store.append([bar(i, close=100.0 + i) for i in (1, 2, 5, 6)], HOUR)
    data = describe(store.read(), HOUR)
    assert [(gap.after, gap.missing_bars) for gap in data.gaps] == [(2 * HOUR, 2)]
    assert (data.start, data.end, data.bars) == (HOUR, 6 * HOUR, 4)


def test_passing_failures_are_retried_and_lasting_ones_told(store):
    bars = [bar(i) for i in range(1, 10)]
    update(store, FakeClient(bars, [ccxt.RequestTimeout("slow"), ccxt.NetworkError("gone")]))
    assert extent(store) == (HOUR, 8 * HOUR)
    with pytest.raises(ExchangeUnavailable, match=r"in 5 attempts.*NetworkError: gone"):
        update(store, FakeClient(bars, [ccxt.NetworkError("gone")] * 5))


def test_an_unknown_symbol_names_the_field(store):
    with pytest.raises(
        ConfigurationError, match=r"market.symbol BTC/USDT is not traded at binance"
    ):
        update(store, FakeClient([], [ccxt.BadSymbol("no market")]))


def test_a_store_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "bars" / "binance-BTCUSDT-1h.db"
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"binance-BTCUSDT-1h\.db: file is not a database"):
        BarsStore(tmp_path / "bars", MARKET)
