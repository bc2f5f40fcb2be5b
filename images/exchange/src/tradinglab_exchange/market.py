"""The market's public side: closed bars, the bar in progress, last price, and who listens.

Driven by the player (recorded and seeded bars) or the mirror; read by market data operations and
streams. Its time is the market clock.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Protocol

from tradinglab_exchange.candles import INTERVAL_MS, Candle, kline_event

TICKS_PER_BAR = 4


@dataclass(frozen=True, slots=True)
class Tick:
    """Public trades at one price. `continuous` is false over a gap: nothing traded between.

    `ahead`: low and high of what the bar has still to trade; None when nobody knows.
    """

    aggregate_id: int
    first_trade_id: int
    last_trade_id: int
    price: float
    quantity: float
    time: int
    continuous: bool
    ahead: tuple[float, float] | None = None


class Listener(Protocol):
    """What the exchange does on each market event."""

    def is_open(self) -> bool:
        """Whether the pair is in trading now."""

    def takes_place(self) -> bool:
        """Whether the next bar is traded at all: not during a halt."""

    def on_tick(self, tick: Tick) -> None: ...

    def on_kline(self, event: dict[str, object], closed: bool) -> None: ...


class Market:
    """All closed bars of one pair and timeframe, ascending, plus the one in progress."""

    def __init__(self, symbol: str, timeframe: str, history: list[Candle]) -> None:
        self.symbol, self.timeframe = symbol, timeframe
        self.interval_ms = INTERVAL_MS[timeframe]
        self.closed = history
        self._open_times = [candle.open_time for candle in history]
        self.forming = self._flat_after(history[-1])
        self.last, self.now = history[-1].close, self.forming.open_time

    def _flat_after(self, candle: Candle) -> Candle:
        """A bar at its opening, before anything was traded in it."""
        price = candle.close
        return Candle(candle.open_time + self.interval_ms, price, price, price, price, 0.0)

    def start_bar(self, candle: Candle) -> None:
        self.forming = candle
        self.last, self.now = candle.close, candle.open_time

    def close_bar(self, candle: Candle) -> None:
        """`candle` is final; the next one is in progress at its close until it is started."""
        if not self._open_times or candle.open_time > self._open_times[-1]:
            self.closed.append(candle)
            self._open_times.append(candle.open_time)
        self.forming = self._flat_after(candle)
        self.last, self.now = candle.close, candle.open_time + self.interval_ms

    def pass_over(self, candle: Candle) -> None:
        """The time of `candle` goes by without trading; it leaves a gap."""
        self.now = candle.open_time + self.interval_ms

    def update_bar(self, candle: Candle, now: int) -> None:
        self.forming, self.last, self.now = candle, candle.close, now

    def kline(self, candle: Candle, now: int, closed: bool) -> dict[str, object]:
        return kline_event(candle, self.symbol, self.timeframe, now, closed)

    def bars(self, start: int | None, end: int | None, limit: int) -> list[Candle]:
        """By open time: the first `limit` from `start`, or the last `limit` up to `end`."""
        low = 0 if start is None else bisect_left(self._open_times, start)
        high = len(self.closed) if end is None else bisect_right(self._open_times, end)
        in_progress = (start is None or self.forming.open_time >= start) and (
            end is None or self.forming.open_time <= end
        )
        extra = [self.forming] if in_progress else []
        if start is not None:
            return (self.closed[low : min(high, low + limit)] + extra)[:limit]
        return (self.closed[max(low, high - limit) : high] + extra)[-limit:]
