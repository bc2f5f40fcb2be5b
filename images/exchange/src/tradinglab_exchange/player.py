"""Plays bars into the market at a chosen speed: four ticks, then the final bar, then the next.

Started by the exchange for recorded and seeded markets; it is what makes the market clock run.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from tradinglab.logs import fields
from tradinglab_exchange.candles import Candle, path
from tradinglab_exchange.market import TICKS_PER_BAR, Listener, Market, Tick
from tradinglab_exchange.public_trades import public_trades
from tradinglab_exchange.state import Position
from tradinglab_exchange.stepping import Steps

log = logging.getLogger(__name__)
_CATCH_UP_SECONDS = 1.0


def _after_ticks(candle: Candle, ticks: int) -> Candle:
    """The bar in progress once that many of its ticks were traded."""
    prices = path(candle)[:ticks]
    volume = round(candle.volume * ticks / TICKS_PER_BAR, 8)
    return Candle(candle.open_time, prices[0], max(prices), min(prices), prices[-1], volume)


def _tick_time(candle: Candle, index: int, interval_ms: int) -> int:
    last = index == TICKS_PER_BAR - 1
    return candle.open_time + interval_ms * index // (TICKS_PER_BAR - 1) - (1 if last else 0)


class Player:
    """`bars` are the live ones, not counting those before `position`."""

    def __init__(
        self,
        market: Market,
        listener: Listener,
        bars: Iterator[Candle],
        bars_left: int | None,
        seconds_per_bar: float,
        position: Position,
        note_position: Callable[[Position], None],
        steps: Steps | None = None,
    ) -> None:
        self._market, self._listener, self._bars = market, listener, bars
        self._bars_left, self._seconds_per_tick = bars_left, seconds_per_bar / (TICKS_PER_BAR - 1)
        self.position = position
        self._note_position, self._steps = note_position, steps
        self._due, self._skipped = 0.0, False
        self._current = self._next_bar()
        if self._current is None:
            return
        if position.ticks:
            last_time = _tick_time(self._current, position.ticks - 1, market.interval_ms)
            market.update_bar(_after_ticks(self._current, position.ticks), last_time)
        else:
            self._play_tick(self._current, 0)

    @property
    def ended(self) -> bool:
        return self._current is None

    def _next_bar(self) -> Candle | None:
        if self._bars_left == 0:
            return None
        if self._bars_left is not None:
            self._bars_left -= 1
        return next(self._bars, None)

    async def run(self, released: asyncio.Event) -> None:
        """Returns when there are no bars left; the first tick was played at construction."""
        await released.wait()
        self._due = asyncio.get_running_loop().time()
        while self._current is not None:
            if self._steps is not None:
                await self._steps.turn()
            if self._skipped:
                await self._pass_over(self._current)
            else:
                await self._play_bar(self._current)
            self._start_next()
            if self._steps is not None:
                await self._steps.played()
        if self._steps is not None:
            await self._steps.ended()
        log.info("market ended", extra=fields(bars=self.position.bars))

    async def _play_bar(self, candle: Candle) -> None:
        """The ticks that are left of it, and its close; a halt ends it early."""
        for index in range(self.position.ticks, TICKS_PER_BAR):
            if index:
                await self._pace(self._seconds_per_tick)
            if not self._listener.is_open():
                self._close(_after_ticks(candle, self.position.ticks))
                return
            self._play_tick(candle, index)
        self._close(candle)

    async def _pass_over(self, candle: Candle) -> None:
        """Its time goes by, and it never was."""
        await self._pace(self._seconds_per_tick * (TICKS_PER_BAR - 1))
        self._market.pass_over(candle)
        self.position = Position(self.position.bars + 1, 0)
        self._note_position(self.position)

    def _start_next(self) -> None:
        self._current = self._next_bar()
        self._skipped = self._current is not None and not self._listener.takes_place()
        if self._current is not None and not self._skipped:
            self._play_tick(self._current, 0)

    async def _pace(self, seconds: float) -> None:
        """Waits for the next moment of the market, which may catch up a little when late."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due + seconds, now - _CATCH_UP_SECONDS)
        await asyncio.sleep(max(0.0, self._due - now))

    def _play_tick(self, candle: Candle, index: int) -> None:
        market = self._market
        forming = _after_ticks(candle, index + 1)
        now = _tick_time(candle, index, market.interval_ms)
        if index == 0:
            market.start_bar(forming)
        else:
            market.update_bar(forming, now)
        self.position = Position(self.position.bars, index + 1)
        self._note_position(self.position)
        coming = path(candle)[index + 1 :] or (forming.close,)
        trade = public_trades(candle, market.interval_ms)[index]
        self._listener.on_tick(
            Tick(
                aggregate_id=int(str(trade["a"])),
                first_trade_id=int(str(trade["f"])),
                last_trade_id=int(str(trade["l"])),
                price=forming.close,
                quantity=candle.volume / TICKS_PER_BAR,
                time=now,
                continuous=index > 0,
                ahead=(min(coming), max(coming)),
            )
        )
        if index < TICKS_PER_BAR - 1:
            self._listener.on_kline(market.kline(forming, now, closed=False), closed=False)

    def _close(self, candle: Candle) -> None:
        self._market.close_bar(candle)
        self.position = Position(self.position.bars + 1, 0)
        self._note_position(self.position)
        event = self._market.kline(candle, self._market.now, closed=True)
        self._listener.on_kline(event, closed=True)
