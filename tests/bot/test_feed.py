"""Every closed bar once, in order, whatever the stream does."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.bot.market import MemoryHistory, MemoryStream, bars, final, forming, positions
from tests.engine.situations import HOUR, NOW

from tradinglab.domain.bar import Bar
from tradinglab.ports.market_data import StreamedBar
from tradinglab_bot import feed as feed_module
from tradinglab_bot.feed import Feed


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(feed_module, "REPAIR_PAUSE_SECONDS", 0.0)


async def fed(history: MemoryHistory, *scripts: Sequence[StreamedBar]) -> list[int]:
    """Positions of the bars that come out after bar 0, once all scripts are played."""
    played = asyncio.Event()
    feed = Feed(history, MemoryStream(*scripts, done=played.set), HOUR)
    running = asyncio.ensure_future(feed.run(NOW))
    await asyncio.wait_for(played.wait(), 5)
    running.cancel()
    found: list[Bar] = []
    while not feed.queue.empty():
        found.append(feed.queue.get_nowait())
    return positions(found, NOW)


async def test_final_frames_become_bars_and_unfinished_ones_do_not() -> None:
    history = MemoryHistory(bars(1))
    assert await fed(history, [forming(1), final(1), forming(2), final(2)]) == [1, 2]
    assert history.asked == 0


async def test_duplicated_and_late_frames_change_nothing() -> None:
    history = MemoryHistory(bars(3))
    frames = [final(1), final(1), forming(2), final(2), final(1), forming(1)]
    assert await fed(history, frames) == [1, 2]


async def test_a_lost_final_frame_is_fetched_when_a_newer_bar_proves_it_closed() -> None:
    history = MemoryHistory(bars(3))
    assert await fed(history, [final(1), forming(3), final(3)]) == [1, 2, 3]


async def test_bars_missed_between_two_connections_are_fetched() -> None:
    history = MemoryHistory(bars(5))
    assert await fed(history, [final(1)], [forming(5), final(5)]) == [1, 2, 3, 4, 5]


async def test_a_hole_longer_than_a_page_is_fetched_page_by_page() -> None:
    history = MemoryHistory(bars(10), page=3)
    assert await fed(history, [final(10)]) == list(range(1, 11))


async def test_a_hole_is_the_markets_own_once_a_bar_beyond_it_is_there() -> None:
    holed = [b for number, b in enumerate(bars(6)) if number not in (2, 3)]
    history = MemoryHistory(holed)
    assert await fed(history, [final(1), forming(4), final(4), final(5)]) == [1, 4, 5]
    assert history.asked <= feed_module.REPAIR_ATTEMPTS


async def test_an_answer_that_lags_the_stream_is_no_hole_however_long_it_lags() -> None:
    history = MemoryHistory(bars(2))

    class Lagging(MemoryStream):
        async def frames(self) -> AsyncIterator[StreamedBar]:
            if len(self._scripts) == 1:
                history.bars = bars(4)
            async for frame in super().frames():
                yield frame

    played = asyncio.Event()
    stream = Lagging([final(1), forming(3)], [forming(3)], [forming(3), final(3)], done=played.set)
    feed = Feed(history, stream, HOUR)
    running = asyncio.ensure_future(feed.run(NOW))
    await asyncio.wait_for(played.wait(), 5)
    running.cancel()
    assert positions([feed.queue.get_nowait() for _ in range(3)], NOW) == [1, 2, 3]
    assert feed.reconnects >= 2


async def test_recent_bars_are_collected_over_pages_oldest_first() -> None:
    feed = Feed(MemoryHistory(bars(10), page=3), MemoryStream(done=lambda: None), HOUR)
    assert positions(await feed.recent(7), NOW) == list(range(3, 10))
    assert positions(await feed.recent(50), NOW) == list(range(10))


async def test_the_age_of_a_bar_is_the_markets_whether_it_was_streamed_or_fetched() -> None:
    history = MemoryHistory(bars(3))
    late = 55 * 60_000
    for frames, newest, age in (
        ([final(1)], 1, 0),
        ([forming(2, late)], 1, late),
        ([forming(1), final(1), forming(3, late)], 2, late),
    ):
        played = asyncio.Event()
        feed = Feed(history, MemoryStream(frames, done=played.set), HOUR)
        running = asyncio.ensure_future(feed.run(NOW))
        await asyncio.wait_for(played.wait(), 5)
        running.cancel()
        candle = bars(3)[newest]
        assert age <= feed.age_milliseconds(candle) < age + 2_000
        assert feed.age_milliseconds(bars(3)[0]) == HOUR  # from before the start
