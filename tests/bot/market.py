"""A market in memory for the bot's unit tests: history and stream behind their ports."""

from collections.abc import AsyncIterator, Callable, Sequence

from tests.engine.situations import HOUR, bar

from tradinglab.domain.bar import Bar
from tradinglab.errors import ExchangeUnavailable
from tradinglab.ports.market_data import StreamedBar


class MemoryHistory:
    """Knows the bars given, minus holes; `asked` counts the requests."""

    def __init__(self, bars: Sequence[Bar], page: int = 1_000) -> None:
        self.bars = list(bars)
        self.asked = 0
        self._page = page

    async def closed_bars(
        self, since: int | None = None, before: int | None = None
    ) -> tuple[Bar, ...]:
        self.asked += 1
        if since is not None:
            return tuple(b for b in self.bars if b.open_time >= since)[: self._page]
        found = [b for b in self.bars if before is None or b.open_time < before]
        return tuple(found[-self._page :])


class MemoryStream:
    """Each connection plays one script of frames, then breaks; after the last it stays quiet."""

    def __init__(self, *scripts: Sequence[StreamedBar], done: Callable[[], None]) -> None:
        self._scripts = list(scripts)
        self._done = done

    async def frames(self) -> AsyncIterator[StreamedBar]:
        if not self._scripts:
            self._done()
        else:
            for frame in self._scripts.pop(0):
                yield frame
        raise ExchangeUnavailable("the script of this connection ended")


def bars(count: int) -> list[Bar]:
    return [bar(30_000.0 + number, number) for number in range(count)]


def final(bars_on: int) -> StreamedBar:
    candle = bar(30_000.0 + bars_on, bars_on)
    return StreamedBar(candle, True, candle.open_time + HOUR)


def forming(bars_on: int, milliseconds: int = 1) -> StreamedBar:
    """As the market has it so long after the bar's opening."""
    candle = bar(29_990.0, bars_on)
    return StreamedBar(candle, False, candle.open_time + milliseconds)


def positions(found: Sequence[Bar], start: int) -> list[int]:
    return [(b.open_time - start) // HOUR for b in found]
