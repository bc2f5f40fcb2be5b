"""The feed: every closed bar once, in order, whatever the connection does.

Started by the bot. A bar is closed when the stream says so or when a newer one exists; holes left
by lost frames and reconnections are filled by REST. The market's clock may run at any speed, so
bar times are never compared with this machine's clock.
"""

import asyncio
import logging
import random
import time
from contextlib import aclosing

from tradinglab.domain.bar import Bar
from tradinglab.errors import ExchangeUnavailable
from tradinglab.logs import fields
from tradinglab.ports.market_data import BarHistory, BarStream, StreamedBar

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
REPAIR_ATTEMPTS = 3
REPAIR_PAUSE_SECONDS = 0.3


class Feed:
    """Puts bars into `queue`; `last_price` follows unfinished bars too, `emitted_at` is when the
    newest bar was put there, on this machine's monotonic clock."""

    def __init__(self, history: BarHistory, stream: BarStream, bar_milliseconds: int) -> None:
        self.queue: asyncio.Queue[Bar] = asyncio.Queue()
        self.last_price: float | None = None
        self.reconnects = 0
        self.emitted_at = 0.0
        self._history = history
        self._stream = stream
        self._bar_milliseconds = bar_milliseconds
        self._expected: int | None = None
        self._emitted: int | None = None
        self._market_time = 0
        self._age_at_emission = 0
        self._heard_at = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """Since the last frame of the stream, on this machine's monotonic clock."""
        return time.monotonic() - self._heard_at

    def age_milliseconds(self, bar: Bar) -> int:
        """How long ago the bar closed: by the market's clock until it was put into the queue, by
        this machine's since then. One that the stream did not bring closed anywhen before the
        start, and counts as a whole bar old."""
        if bar.open_time != self._emitted:
            return self._bar_milliseconds
        waited = int(1000 * (time.monotonic() - self.emitted_at))
        return max(self._age_at_emission, 0) + waited

    async def recent(self, count: int) -> list[Bar]:
        """The newest closed bars, at most `count`, oldest first; fewer if there are no more."""
        bars = list(await self._history.closed_bars())
        while bars and len(bars) < count:
            page = await self._history.closed_bars(before=bars[0].open_time)
            if not page:
                break
            bars = [*page, *bars]
        return bars[-count:]

    async def run(self, last_open_time: int) -> None:
        """Feeds the bars after `last_open_time`, for ever; reconnects with jittered back-off."""
        self._expected = last_open_time + self._bar_milliseconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with aclosing(self._stream.frames()) as frames:  # type: ignore[type-var]
                    connected = False
                    async for frame in frames:
                        await self._take(frame)
                        if not connected:
                            connected, pause = True, FIRST_PAUSE_SECONDS
                            log.info("stream connected", extra=fields(reconnects=self.reconnects))
            except ExchangeUnavailable as error:
                wait = pause * random.uniform(0.5, 1.0)  # noqa: S311
                log.warning(
                    "stream lost, reconnecting",
                    extra=fields(why=str(error), in_seconds=round(wait, 2)),
                )
                self.reconnects += 1
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(wait)

    async def _take(self, frame: StreamedBar) -> None:
        self._heard_at = time.monotonic()
        self.last_price = frame.bar.close
        self._market_time = frame.time
        await self._catch_up(frame.bar.open_time)
        if frame.is_final and frame.bar.open_time == self._expected:
            self._emit(frame.bar)

    async def _catch_up(self, open_time: int) -> None:
        """Fetches the bars before `open_time` that were not seen: a newer one proves them closed.

        The exchange's REST answers may lag its stream, so a hole is asked for again. It is one of
        the market itself only when the answer holds a bar beyond it; else ExchangeUnavailable:
        a bar taken for a hole would be lost for good.
        """
        if self._expected is None or open_time <= self._expected:
            return
        missing = (open_time - self._expected) // self._bar_milliseconds
        for attempt in range(REPAIR_ATTEMPTS):
            if attempt:
                await asyncio.sleep(REPAIR_PAUSE_SECONDS)
            if await self._fetch_until(open_time):
                break
        else:
            raise ExchangeUnavailable(
                f"bars before {open_time} are closed and not fetched: found none since "
                f"{self._expected}, expected them or a later one"
            )
        left = max((open_time - self._expected) // self._bar_milliseconds, 0)
        log.info("fetched missed bars", extra=fields(missed=missing, still_missing=left))
        self._expected = max(self._expected, open_time)

    async def _fetch_until(self, open_time: int) -> bool:
        """Whether all bars before `open_time` were fetched that the market has."""
        while self._expected is not None and self._expected < open_time:
            page = await self._history.closed_bars(since=self._expected)
            new = [bar for bar in page if self._expected <= bar.open_time < open_time]
            for bar in new:
                self._emit(bar)
            if page and page[-1].open_time >= open_time:
                return True
            if not new:
                return False
        return True

    def _emit(self, bar: Bar) -> None:
        self._expected = bar.open_time + self._bar_milliseconds
        self.emitted_at = time.monotonic()
        self._emitted = bar.open_time
        self._age_at_emission = self._market_time - self._expected
        self.queue.put_nowait(bar)
