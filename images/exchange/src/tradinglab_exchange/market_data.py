"""Market data operations: what the public REST endpoints answer from the local market.

Called by the REST and WebSocket API layers through their tables of operations.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradinglab_exchange import parameters
from tradinglab_exchange.candles import (
    INTERVAL_MS,
    TRADES_PER_BAR_ID_SPACE,
    Candle,
    first_trade_id,
    kline_row,
    path,
)
from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.instrument import Instrument, symbol_document
from tradinglab_exchange.market import TICKS_PER_BAR, Market
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import written
from tradinglab_exchange.parameters import Params

_DAY_MS = 86_400_000
_BOOK_LEVELS = 20
Answer = object


def check_symbol(params: Params, instrument: Instrument) -> None:
    if parameters.required(params, "symbol") != instrument.symbol:
        raise ApiError(-1121, "Invalid symbol.")


def public_trades(candle: Candle, interval_ms: int) -> list[dict[str, object]]:
    """The bar's four prices as aggregate trades; ids follow from the bar's time."""
    first, count = first_trade_id(candle, interval_ms), candle.trades
    number = candle.open_time // interval_ms
    marks = [first + count * step // TICKS_PER_BAR for step in range(TICKS_PER_BAR + 1)]
    return [
        {
            "a": number * TICKS_PER_BAR + step,
            "p": written(price),
            "q": written(candle.volume / TICKS_PER_BAR),
            "f": marks[step],
            "l": max(marks[step], marks[step + 1] - 1),
            "T": candle.open_time + interval_ms * step // TICKS_PER_BAR,
            "m": step == 1,
            "M": True,
        }
        for step, price in enumerate(path(candle))
    ]


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
            "symbols": [symbol_document(self._instrument)],
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
        quantity = written(self._level_quantity())
        row = {
            "symbol": self._instrument.symbol,
            "bidPrice": written(self._engine.bid),
            "bidQty": quantity,
            "askPrice": written(self._engine.ask),
            "askQty": quantity,
        }
        return self._one_or_all(params, row)

    def book_ticker_event(self, update_id: int) -> dict[str, object]:
        """The payload of `<symbol>@bookTicker`."""
        quantity = written(self._level_quantity())
        return {
            "u": update_id,
            "s": self._instrument.symbol,
            "b": written(self._engine.bid),
            "B": quantity,
            "a": written(self._engine.ask),
            "A": quantity,
        }

    def average_price(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        return {
            "mins": 5,
            "price": written(self._engine.last),
            "closeTime": self._market.now,
        }

    def depth(self, params: Params) -> Answer:
        """A made-up book around bid and ask: equal quantities, one tick apart."""
        check_symbol(params, self._instrument)
        levels = min(parameters.limit(params, 100, 5000), _BOOK_LEVELS)
        tick, quantity = self._instrument.tick_size, written(self._level_quantity())
        return {
            "lastUpdateId": self._market.now,
            "bids": [[written(self._engine.bid - tick * n), quantity] for n in range(levels)],
            "asks": [[written(self._engine.ask + tick * n), quantity] for n in range(levels)],
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
            if (from_id is None or _number(trade, "a") >= from_id)
            and (start is None or from_id is not None or _number(trade, "T") >= start)
            and _number(trade, "T") <= (self._market.now if end is None else end)
        ]
        return wanted[-limit:] if start is None else wanted[:limit]

    def day_ticker(self, params: Params) -> Answer:
        """Over the last 24 hours of the market clock."""
        now, interval = self._market.now, self._market.interval_ms
        bars = self._market.bars(now - _DAY_MS, None, _DAY_MS // interval + 2)
        bars = bars or [self._market.forming]
        first, last = bars[0].open, bars[-1].close
        volume = sum(bar.volume for bar in bars)
        quote_volume = sum(bar.quote_volume for bar in bars)
        quantity = written(self._level_quantity())
        first_id = first_trade_id(bars[0], interval)
        row: Mapping[str, object] = {
            "symbol": self._instrument.symbol,
            "priceChange": written(last - first),
            "priceChangePercent": f"{100 * (last / first - 1):.3f}",
            "weightedAvgPrice": written(quote_volume / volume if volume else last),
            "prevClosePrice": written(first),
            "lastPrice": written(self._engine.last),
            "lastQty": quantity,
            "bidPrice": written(self._engine.bid),
            "bidQty": quantity,
            "askPrice": written(self._engine.ask),
            "askQty": quantity,
            "openPrice": written(first),
            "highPrice": written(max(bar.high for bar in bars)),
            "lowPrice": written(min(bar.low for bar in bars)),
            "volume": written(volume),
            "quoteVolume": written(quote_volume),
            "openTime": now - _DAY_MS,
            "closeTime": now,
            "firstId": first_id,
            "lastId": first_trade_id(bars[-1], interval) + TRADES_PER_BAR_ID_SPACE - 1,
            "count": sum(bar.trades for bar in bars),
        }
        return self._one_or_all(params, row)

    def _one_or_all(self, params: Params, row: Mapping[str, object]) -> Answer:
        if params.get("symbol"):
            check_symbol(params, self._instrument)
            return row
        return [row]

    def _level_quantity(self) -> Decimal:
        return Decimal(1)


def _number(trade: Mapping[str, object], name: str) -> int:
    value = trade[name]
    return value if isinstance(value, int) else 0
