"""Bars by WebSocket: one raw kline stream, final and unfinished frames. Used by the bot's feed."""

import asyncio
import json
from collections.abc import AsyncIterator

from tradinglab.adapters.binance.documents import streamed_bar
from tradinglab.adapters.binance.sockets import connected
from tradinglab.domain.market import Market
from tradinglab.errors import ExchangeUnavailable
from tradinglab.ports.market_data import StreamedBar


class BinanceStream:
    """`silence_seconds`: so long without any kline frame means a dead feed. Pings find a dead
    connection sooner."""

    def __init__(self, market: Market, stream_url: str, silence_seconds: float) -> None:
        base = stream_url.rstrip("/")
        symbol = market.exchange_symbol.lower()
        self._url = f"{base}/ws/{symbol}@kline_{market.timeframe}"
        self._silence_seconds = silence_seconds

    async def frames(self) -> AsyncIterator[StreamedBar]:
        try:
            async with connected(self._url, max_queue=4096) as socket:
                while True:
                    async with asyncio.timeout(self._silence_seconds):
                        frame = streamed_bar(json.loads(await socket.recv()))
                    if frame is not None:
                        yield frame
        except TimeoutError:
            raise ExchangeUnavailable(
                f"{self._url}: no frame for {self._silence_seconds:g} s"
            ) from None
