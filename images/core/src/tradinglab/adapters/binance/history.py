"""Closed bars by REST, a page at a time. Used by the bot's feed."""

from typing import Any

from tradinglab.adapters.binance.client import Caller
from tradinglab.adapters.binance.documents import kline_bar
from tradinglab.domain.bar import Bar
from tradinglab.domain.market import Market
from tradinglab.errors import DataError, OrderRejected

PAGE_BARS = 1_000


class BinanceHistory:
    """The newest bar of the exchange is in progress; it is recognised by being the last."""

    def __init__(self, caller: Caller, market: Market) -> None:
        self._call = caller
        self._market = market

    async def closed_bars(
        self, since: int | None = None, before: int | None = None
    ) -> tuple[Bar, ...]:
        params: dict[str, Any] = {
            "symbol": self._market.exchange_symbol,
            "interval": self._market.timeframe,
            "limit": PAGE_BARS,
        }
        if since is not None:
            params["startTime"] = since
        if before is not None:
            params["endTime"] = before - 1
        try:
            rows = await self._call("publicGetKlines", params)
        except OrderRejected as error:
            raise DataError(f"bars of {self._market.symbol}: {error}") from error
        bars = [kline_bar(row) for row in rows]
        if before is not None:
            return tuple(bars)
        return tuple(bars[:-1])
