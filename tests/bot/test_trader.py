"""What the trader does at a bar: ledgers that cannot be written, models that change."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.bot.account import Desk
from tests.bot.market import MemoryHistory, MemoryStream
from tests.engine.situations import HOUR, bar, facts, forecast
from tests.integration.account import rows

from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import Forecast, ModelFacts
from tradinglab.engine.policy import Policy
from tradinglab.errors import InputError, StorageError
from tradinglab.ports.market_data import StreamedBar
from tradinglab_bot import trader as trader_module
from tradinglab_bot.drift_watch import DriftWatch
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.trader import Trader
from tradinglab_bot.window import Window

READY = 64


class BullishApi:
    """Forecasts a rise for every bar, of `lookback_bars` rows."""

    def __init__(self) -> None:
        self.lookback_bars = READY

    async def model(self) -> ModelFacts:
        return facts().model.model_copy(update={"lookback_bars": self.lookback_bars})

    async def forecast(
        self, snapshots: NDArray[np.float64], bar_open_time: int, expected_digest: str | None
    ) -> Forecast:
        if len(snapshots) != self.lookback_bars:
            raise InputError(f"snapshots has {len(snapshots)} rows")
        return forecast().model_copy(
            update={"bar_open_time": bar_open_time, "expires_at": bar_open_time + 2 * HOUR}
        )


class Room:
    """Of the ledger's disk: none until `enough` is set."""

    def __init__(self, desk: Desk) -> None:
        self.enough, self.refused = asyncio.Event(), asyncio.Event()
        self._transaction = desk.books.ledger.transaction
        desk.books.ledger.transaction = self.transaction  # type: ignore[method-assign]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if not self.enough.is_set():
            self.refused.set()
            raise StorageError("database or disk is full")
        with self._transaction():
            yield


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trader_module, "STORAGE_PAUSE_SECONDS", 0.01)


def past(number: int) -> Bar:
    return bar(30_000.0 + number % 7, number)


async def trader_on(
    desk: Desk,
    *bars: Bar,
    api: BullishApi | None = None,
    history: Sequence[Bar] = (),
    age_milliseconds: int = 0,
) -> tuple[Trader, Feed]:
    forecasts = Forecasts(api or BullishApi(), 1)
    model = await forecasts.wait_for_model()
    window = Window(model.lookback_bars, HOUR)
    for number in range(-READY, 0):
        window.append(past(number))
    feed = Feed(MemoryHistory(history), MemoryStream(done=lambda: None), HOUR)
    for candle in bars:
        feed._expected = candle.open_time
        await feed._take(StreamedBar(candle, True, candle.open_time + HOUR + age_milliseconds))
    drift = DriftWatch(desk.books.ledger, None)
    return Trader(feed, window, forecasts, desk.books, desk.executor, Policy(), drift), feed


def reasons(folder: Path) -> list[str]:
    return [row["reason"] for row in rows(folder / "ledger.db", "SELECT reason FROM decisions")]


async def test_an_entry_is_not_sent_late_when_the_market_went_on_meanwhile(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    room = Room(desk)
    trader, feed = await trader_on(desk, bar())
    running = asyncio.ensure_future(trader.run(asyncio.Event(), max_bars=1))
    await asyncio.wait_for(room.refused.wait(), 5)
    feed.queue.put_nowait(bar(24_000.0, 1))
    room.enough.set()
    await asyncio.wait_for(running, 5)
    assert reasons(tmp_path) == ["BEHIND"]
    assert desk.broker.orders == {}


async def test_an_entry_is_sent_after_an_outage_that_no_newer_bar_overtook(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    room = Room(desk)
    trader, _ = await trader_on(desk, bar())
    running = asyncio.ensure_future(trader.run(asyncio.Event(), max_bars=1))
    await asyncio.wait_for(room.refused.wait(), 5)
    room.enough.set()
    await asyncio.wait_for(running, 5)
    assert reasons(tmp_path) == ["ENTER"]
    assert len(desk.broker.entries()) == 1


async def test_a_bar_fetched_long_after_its_close_opens_nothing_and_its_age_is_recorded(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    late = HOUR // 2
    trader, _ = await trader_on(desk, bar(), age_milliseconds=late)
    await asyncio.wait_for(trader.run(asyncio.Event(), max_bars=1), 5)
    assert reasons(tmp_path) == ["LATE"]
    assert desk.broker.orders == {}
    (row,) = rows(tmp_path / "ledger.db", "SELECT inputs FROM decisions")
    assert late <= json.loads(row["inputs"])["age_milliseconds"] < late + 5_000


async def test_a_ledger_without_room_holds_up_neither_the_end_nor_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trader_module, "STORAGE_PAUSE_SECONDS", 60.0)
    desk = Desk(tmp_path)
    room = Room(desk)
    trader, _ = await trader_on(desk, bar())
    stop = asyncio.Event()
    running = asyncio.ensure_future(trader.run(stop, max_bars=0))
    await asyncio.wait_for(room.refused.wait(), 5)
    looked = asyncio.Event()
    resolve = desk.executor.resolve

    async def noted_resolve() -> None:
        looked.set()
        await resolve()

    trader._last_bar = bar(bars_on=-1).open_time
    watching = asyncio.ensure_future(trader.watch(0.01))
    desk.executor.resolve = noted_resolve  # type: ignore[method-assign]
    await asyncio.wait_for(looked.wait(), 5)
    watching.cancel()
    stop.set()
    await asyncio.wait_for(running, 1)
    assert reasons(tmp_path) == []


async def test_a_model_that_looks_further_back_is_served_from_the_first_bar_on(
    tmp_path: Path,
) -> None:
    api, desk = BullishApi(), Desk(tmp_path)
    history = [past(number) for number in range(-4 * READY, -1)]
    trader, _ = await trader_on(desk, bar(), api=api, history=history)
    api.lookback_bars = 2 * READY
    await asyncio.wait_for(trader.run(asyncio.Event(), max_bars=1), 10)
    assert reasons(tmp_path) == ["ENTER"]
