"""Brings the stored history of one market up to date through ccxt.

Called by the trainer. Finality needs no clock: the newest bar of an answer is never taken for
closed, it is the exchange's bar in progress.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import ccxt

from tradinglab.adapters.bars_store import BarsStore
from tradinglab.domain.bar import Bar
from tradinglab.domain.market import Market
from tradinglab.errors import ConfigurationError, DataError, ExchangeUnavailable
from tradinglab.logs import fields

log = logging.getLogger(__name__)

PAGE_BARS = 1000
ATTEMPTS = 5
OnProgress = Callable[[float, str], None]


def public_client(rest_url: str | None) -> Any:
    """A ccxt client for public data; `rest_url` replaces the exchange's own address."""
    client = ccxt.binance(
        {
            "enableRateLimit": True,
            "timeout": 10_000,
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )
    if rest_url:
        client.urls["api"]["public"] = f"{rest_url.rstrip('/')}/api/v3"
        client.rateLimit = 1
    return client


def _bar(row: list[Any]) -> Bar:
    """ccxt leaves None where an answer held no number."""
    try:
        return Bar(int(row[0]), *(float(value) for value in row[1:6]))
    except (TypeError, ValueError) as error:
        raise DataError(f"bar {row} of the exchange is no row of six numbers: {error}") from error


class BarsHistory:
    """Fetches closed bars page by page, resuming where the store ends."""

    def __init__(
        self, client: Any, market: Market, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._market = market
        self._pause = pause

    def _fetch(self, since: int | None, limit: int) -> list[Bar]:
        """Bars from `since` on; the last may be in progress. Retries what may pass."""
        failure = ""
        for attempt in range(ATTEMPTS):
            try:
                rows = self._client.fetch_ohlcv(
                    self._market.symbol, self._market.timeframe, since, limit
                )
                return [_bar(row) for row in rows]
            except ccxt.BadSymbol as error:
                raise ConfigurationError(
                    f"market.symbol {self._market.symbol} is not traded at "
                    f"{self._market.exchange}: {error}"
                ) from error
            except (ccxt.NetworkError, ccxt.ExchangeNotAvailable) as error:
                failure = f"{type(error).__name__}: {str(error)[:200]}"
                log.warning("exchange did not answer", extra=fields(attempt=attempt + 1))
                if attempt + 1 < ATTEMPTS:
                    self._pause(min(30.0, 0.5 * 2**attempt))
            except ccxt.BaseError as error:
                raise ExchangeUnavailable(
                    f"{self._market.exchange} refused to give bars of {self._market.symbol}: "
                    f"{type(error).__name__}: {str(error)[:200]}"
                ) from error
        raise ExchangeUnavailable(
            f"{self._market.exchange} gave no bars of {self._market.symbol} in {ATTEMPTS} "
            f"attempts; the last failure: {failure}"
        )

    def update(self, store: BarsStore, history_milliseconds: int, progress: OnProgress) -> int:
        """Fills `store` with the closed bars of the last `history_milliseconds`.

        Returns the open time from which on the history counts. Each page is committed, so a kill
        costs one page. Raises ConfigurationError for an unknown symbol, DataError for torn bars,
        ExchangeUnavailable when the exchange stays silent.
        """
        newest = self._fetch(None, 2)
        if len(newest) < 2:
            raise DataError(f"{self._market.symbol} has {len(newest)} bars, expected at least 2")
        last_closed = newest[-2].open_time
        since = last_closed - history_milliseconds + self._market.bar_milliseconds
        first, cursor = since, since  # also when more history is wanted than was
        covered = store.covered()
        if covered is not None and covered[0] <= since <= covered[1]:
            first, cursor = covered  # the last bar again, to notice another market
        total = max(1, last_closed - since)
        while cursor <= last_closed:
            page = [
                bar
                for bar in self._fetch(cursor, PAGE_BARS)
                if cursor <= bar.open_time <= last_closed
            ]
            if not page:
                break
            store.append(page, first)
            cursor = page[-1].open_time + self._market.bar_milliseconds
            progress((cursor - since) / total, f"bars up to {page[-1].open_time}")
        return since
