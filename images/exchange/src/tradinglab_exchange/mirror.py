"""Mirrors the market of another exchange of the same protocol: paper trading on live data.

Started by the entry point when the source is `mirror`. Bars and prices are the upstream's; orders,
balances and fills are local. Klines requests are passed on, the kline stream is forwarded frame
by frame, and every newly seen price is matched against the local orders. After a lost connection
the missed bars are fetched and matched; their frames are not sent again, as on the exchange.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from tradinglab.errors import ExchangeUnavailable
from tradinglab.logs import fields
from tradinglab_exchange.candles import Candle, path
from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.market import Listener, Market, Tick
from tradinglab_exchange.parameters import Params
from tradinglab_exchange.state import Position

log = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 30.0
_PAGE = 1000


def _candle_of_row(row: list[Any]) -> Candle:
    return Candle(int(row[0]), *(float(cell) for cell in row[1:6]))


def _candle_of_event(kline: Mapping[str, Any]) -> Candle:
    prices = (float(kline[name]) for name in ("o", "h", "l", "c", "v"))
    return Candle(int(kline["t"]), *prices)


class Upstream:
    """The other exchange's public REST and stream endpoints."""

    def __init__(
        self, session: aiohttp.ClientSession, rest_url: str, stream_url: str, symbol: str
    ) -> None:
        self._session, self._symbol = session, symbol
        base = rest_url.rstrip("/").removesuffix("/api/v3")
        self._klines_url = f"{base}/api/v3/klines"
        self._stream_url = stream_url.rstrip("/").removesuffix("/ws")

    async def klines(self, params: Params) -> object:
        """Passes a klines request on; its refusals come back as they are."""
        try:
            async with self._session.get(self._klines_url, params=dict(params)) as response:
                answer = await response.json(content_type=None)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
            cause = str(error) or type(error).__name__
            raise ApiError(-1001, f"The upstream does not answer: {cause}", 503) from None
        if status == 200:
            return answer
        if isinstance(answer, dict) and "code" in answer:
            raise ApiError(int(answer["code"]), str(answer.get("msg", "")), status)
        raise ApiError(-1000, f"The upstream answered with status {status}.", 503)

    async def candles(self, timeframe: str, start: int | None) -> list[Candle]:
        """Bars from `start` on, or the latest; the last one is in progress.

        Raises ExchangeUnavailable.
        """
        params = {"symbol": self._symbol, "interval": timeframe, "limit": str(_PAGE)}
        if start is not None:
            params["startTime"] = str(start)
        try:
            rows = await self.klines(params)
        except ApiError as error:
            raise ExchangeUnavailable(f"klines of {self._klines_url}: {error}") from error
        if not isinstance(rows, list) or not rows:
            raise ExchangeUnavailable(f"klines of {self._klines_url}: no bars")
        return [_candle_of_row(row) for row in rows]

    def connect(self, timeframe: str) -> "aiohttp.client._WSRequestContextManager":
        stream = f"{self._symbol.lower()}@kline_{timeframe}"
        return self._session.ws_connect(f"{self._stream_url}/ws/{stream}", heartbeat=20.0)


class Mirror:
    """Follows the upstream for good; `note_position` keeps the last bar that was matched."""

    def __init__(
        self,
        upstream: Upstream,
        market: Market,
        listener: Listener,
        note_position: Callable[[Position], None],
        seen: int,
    ) -> None:
        self._upstream, self._market, self._listener = upstream, market, listener
        self._note_position = note_position
        self._seen = seen
        self._ticks = 0

    async def run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._follow()
                pause = _FIRST_PAUSE_SECONDS
                reason = "closed by the upstream"
            except (aiohttp.ClientError, ExchangeUnavailable, TimeoutError, OSError) as error:
                reason = str(error) or type(error).__name__
            log.warning("upstream lost", extra=fields(reason=reason, retry_seconds=pause))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _follow(self) -> None:
        async with self._upstream.connect(self._market.timeframe) as socket:
            await self._catch_up()
            log.info("upstream connected", extra=fields(last_bar=self._seen))
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    event = json.loads(message.data)
                    if event.get("e") == "kline":
                        self._received(event)

    async def _catch_up(self) -> None:
        """Matches what was traded since the last seen bar, over a gap."""
        while True:
            candles = await self._upstream.candles(self._market.timeframe, self._seen + 1)
            for candle in candles[:-1]:
                self._match(candle, path(candle), candle.open_time, gap=True)
                self._close(candle)
            if len(candles) < _PAGE:
                break
        forming, known = candles[-1], self._market.forming
        if forming.open_time != known.open_time:
            prices: tuple[float, ...] = path(forming)
        elif self._ticks:
            prices = _newly_traded(known, forming)
        else:
            # Its extremes may be older than the orders that are resting now.
            prices = (forming.close,)
        self._match(forming, prices, max(self._market.now, forming.open_time), gap=True)
        self._market.update_bar(forming, max(self._market.now, forming.open_time))

    def _received(self, event: dict[str, Any]) -> None:
        candle, now = _candle_of_event(event["k"]), int(event["E"])
        if candle.open_time <= self._seen:
            return  # repeated or late
        known = self._market.forming
        if candle.open_time == known.open_time:
            self._match(candle, _newly_traded(known, candle), now, gap=False)
        else:
            self._match(candle, path(candle), now, gap=False)
        self._market.update_bar(candle, now)
        closed = bool(event["k"]["x"])
        if closed:
            self._close(candle)
        self._listener.on_kline(event, closed)

    def _match(self, candle: Candle, prices: tuple[float, ...], now: int, gap: bool) -> None:
        for index, price in enumerate(prices):
            self._ticks += 1
            self._listener.on_tick(
                Tick(
                    aggregate_id=self._ticks,
                    first_trade_id=self._ticks,
                    last_trade_id=self._ticks,
                    price=price,
                    quantity=candle.volume / max(candle.trades, 1),
                    time=now,
                    continuous=not (gap and index == 0),
                )
            )

    def _close(self, candle: Candle) -> None:
        self._seen = candle.open_time
        self._market.close_bar(candle)
        self._note_position(Position(seen=candle.open_time))


def _newly_traded(known: Candle, candle: Candle) -> tuple[float, ...]:
    """Prices reached since `known` of the same bar: new extremes, then where it stands."""
    low = (candle.low,) if candle.low < known.low else ()
    high = (candle.high,) if candle.high > known.high else ()
    extremes = low + high if candle.close >= known.close else high + low
    return (*extremes, candle.close)
