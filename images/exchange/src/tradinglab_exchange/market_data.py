"""Market data operations: what the public REST endpoints answer from the local market.

Called by the REST and WebSocket API layers through their tables of operations.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradinglab_exchange import parameters
from tradinglab_exchange.candles import (
    INTERVAL_MS,
    TRADES_PER_BAR_ID_SPACE,
    kline_row,
)
from tradinglab_exchange.day_ticker import LEVEL_QUANTITY, day_ticker
from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.instrument import Instrument, SymbolStatus, symbol_document
from tradinglab_exchange.market import TICKS_PER_BAR, Market
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import written
from tradinglab_exchange.parameters import Params
from tradinglab_exchange.public_trades import number_of, public_trades, single_trades

_BOOK_LEVELS = 20
_BARS_OF_TRADES = 3
Answer = object


def check_symbol(params: Params, instrument: Instrument) -> None:
    if parameters.required(params, "symbol") != instrument.symbol:
        raise ApiError(-1121, "Invalid symbol.")


class MarketData:
    """`server_time` is the machine's clock, possibly skewed by a fault."""

    def __init__(
        self,
        instrument: Instrument,
        market: Market,
        engine: MatchingEngine,
        server_time: Callable[[], int],
        rate_limits: list[dict[str, object]],
    ) -> None:
        self._instrument, self._market, self._engine = instrument, market, engine
        self._server_time, self._rate_limits = server_time, rate_limits
        self.update_id = market.now
        self._quotes = (engine.bid, engine.ask)

    def ping(self, params: Params) -> Answer:
        del params
        return {}

    def time(self, params: Params) -> Answer:
        del params
        return {"serverTime": self._server_time()}

    def exchange_info(self, params: Params) -> Answer:
        asked = params.get("symbol") or params.get("symbols", "").strip('[]"')
        if asked and asked != self._instrument.symbol:
            raise ApiError(-1121, "Invalid symbol.")
        return {
            "timezone": "UTC",
            "serverTime": self._server_time(),
            "rateLimits": self._rate_limits,
            "exchangeFilters": [],
            "symbols": [symbol_document(self._instrument, self._engine.status)],
        }

    def klines(self, params: Params) -> Answer:
        """Like the exchange: the bar in progress is the last row unless endTime cuts it off."""
        check_symbol(params, self._instrument)
        interval = parameters.required(params, "interval")
        if interval not in INTERVAL_MS or interval != self._market.timeframe:
            # Only the market's own timeframe is kept.
            raise ApiError(-1120, "Invalid interval.")
        bars = self._market.bars(
            parameters.integer(params, "startTime"),
            parameters.integer(params, "endTime"),
            parameters.limit(params, 500, 1000),
        )
        return [kline_row(candle, self._market.interval_ms) for candle in bars]

    def ticker_price(self, params: Params) -> Answer:
        row = {"symbol": self._instrument.symbol, "price": written(self._engine.last)}
        return self._one_or_all(params, row)

    def book_ticker(self, params: Params) -> Answer:
        row = {
            "symbol": self._instrument.symbol,
            "bidPrice": written(self._engine.bid),
            "bidQty": LEVEL_QUANTITY,
            "askPrice": written(self._engine.ask),
            "askQty": LEVEL_QUANTITY,
        }
        return self._one_or_all(params, row)

    def book_ticker_event(self) -> dict[str, object]:
        """The payload of `<symbol>@bookTicker`."""
        return {
            "u": self.update_id,
            "s": self._instrument.symbol,
            "b": written(self._engine.bid),
            "B": LEVEL_QUANTITY,
            "a": written(self._engine.ask),
            "A": LEVEL_QUANTITY,
        }

    def average_price(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        return {
            "mins": 5,
            "price": written(self._engine.last),
            "closeTime": self._market.now,
        }

    def depth(self, params: Params) -> Answer:
        """Limits are those of the real book; ours has no more than 20 levels a side."""
        check_symbol(params, self._instrument)
        return self.levels(min(parameters.limit(params, 100, 5000), _BOOK_LEVELS))

    def levels(self, count: int) -> dict[str, object]:
        """A made-up book around bid and ask: equal quantities, one tick apart."""
        bids, asks = self._book_prices(self._engine.bid, self._engine.ask, count)
        return {
            "lastUpdateId": self.update_id,
            "bids": [[price, LEVEL_QUANTITY] for price in bids],
            "asks": [[price, LEVEL_QUANTITY] for price in asks],
        }

    def _book_prices(
        self, bid: Decimal, ask: Decimal, count: int = _BOOK_LEVELS
    ) -> tuple[list[str], list[str]]:
        tick = self._instrument.tick_size
        return (
            [written(bid - tick * n) for n in range(count)],
            [written(ask + tick * n) for n in range(count)],
        )

    def replace_quotes(self) -> tuple[Decimal, Decimal]:
        """Bid and ask before the last tick; those after it are kept for the next call."""
        old, self._quotes = self._quotes, (self._engine.bid, self._engine.ask)
        return old

    def depth_changes(
        self, quotes: tuple[Decimal, Decimal], before: int, now: int
    ) -> dict[str, object]:
        """The payload of `<symbol>@depth`: levels that came and, with quantity 0, that went."""
        old, new = self._book_prices(*quotes), self._book_prices(*self._quotes)
        bids, asks = (
            [[price, written(0)] for price in gone if price not in came]
            + [[price, LEVEL_QUANTITY] for price in came if price not in gone]
            for gone, came in zip(old, new, strict=True)
        )
        return {
            "e": "depthUpdate",
            "E": now,
            "s": self._instrument.symbol,
            "U": before + 1,
            "u": self.update_id,
            "b": bids,
            "a": asks,
        }

    def aggregate_trades(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        limit = parameters.limit(params, 500, 1000)
        interval = self._market.interval_ms
        from_id = parameters.integer(params, "fromId")
        start = parameters.integer(params, "startTime")
        end = parameters.integer(params, "endTime")
        if from_id is not None:
            start = from_id // TICKS_PER_BAR * interval
        first_bar = None if start is None else start - start % interval
        bars = self._market.bars(first_bar, end, limit // TICKS_PER_BAR + 2)
        trades = [trade for bar in bars if bar.volume for trade in public_trades(bar, interval)]
        wanted = [
            trade
            for trade in trades
            if (from_id is None or number_of(trade, "a") >= from_id)
            and (start is None or from_id is not None or number_of(trade, "T") >= start)
            and number_of(trade, "T") <= (self._market.now if end is None else end)
        ]
        return wanted[-limit:] if start is None else wanted[:limit]

    def recent_trades(self, params: Params) -> Answer:
        """The latest public trades, oldest first."""
        check_symbol(params, self._instrument)
        return self._trades_from(None, parameters.limit(params, 500, 1000))

    def historical_trades(self, params: Params) -> Answer:
        """From an id on; without one the latest."""
        check_symbol(params, self._instrument)
        return self._trades_from(
            parameters.integer(params, "fromId"), parameters.limit(params, 500, 1000)
        )

    def _trades_from(self, from_id: int | None, limit: int) -> list[dict[str, object]]:
        interval, now = self._market.interval_ms, self._market.now
        start = None if from_id is None else from_id // TRADES_PER_BAR_ID_SPACE * interval
        bars = self._market.bars(start, None, _BARS_OF_TRADES)
        rows = [row for bar in bars if bar.volume for row in public_trades(bar, interval)]
        found: list[dict[str, object]] = []
        for row in rows:
            first, last = number_of(row, "f"), number_of(row, "l")
            if number_of(row, "T") <= now and (from_id is None or last >= from_id):
                found += single_trades(row, max(first, from_id or last - limit + 1), last)
        return found[-limit:] if from_id is None else found[:limit]

    def system_status(self, params: Params) -> Answer:
        del params
        halted = self._engine.status is SymbolStatus.HALT
        return {"status": int(halted), "msg": "system_maintenance" if halted else "normal"}

    def day_ticker(self, params: Params) -> Answer:
        return self._one_or_all(params, day_ticker(self._market, self._engine))

    def _one_or_all(self, params: Params, row: Mapping[str, object]) -> Answer:
        if params.get("symbol"):
            check_symbol(params, self._instrument)
            return row
        return [row]
