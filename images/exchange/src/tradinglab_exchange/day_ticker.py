"""The last 24 hours of the market clock: the REST ticker, and the events that carry the same.

Called by the market data operations and the publisher of the streams.
"""

from collections.abc import Mapping

from tradinglab_exchange.candles import TRADES_PER_BAR_ID_SPACE, first_trade_id
from tradinglab_exchange.market import Market
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import written

LEVEL_QUANTITY = written(1)
_DAY_MS = 86_400_000
_TICKER_NAMES = {
    "s": "symbol",
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
_MINI_TICKER_NAMES = {name: _TICKER_NAMES[name] for name in "scohlvq"}


def day_ticker(market: Market, engine: MatchingEngine) -> dict[str, object]:
    """As in `GET /api/v3/ticker/24hr`."""
    now, interval = market.now, market.interval_ms
    bars = market.bars(now - _DAY_MS, None, _DAY_MS // interval + 2)
    bars = bars or [market.forming]
    first, last = bars[0].open, bars[-1].close
    volume = sum(bar.volume for bar in bars)
    quote_volume = sum(bar.quote_volume for bar in bars)
    return {
        "symbol": engine.instrument.symbol,
        "priceChange": written(last - first),
        "priceChangePercent": f"{100 * (last / first - 1):.3f}",
        "weightedAvgPrice": written(quote_volume / volume if volume else last),
        "prevClosePrice": written(first),
        "lastPrice": written(engine.last),
        "lastQty": LEVEL_QUANTITY,
        "bidPrice": written(engine.bid),
        "bidQty": LEVEL_QUANTITY,
        "askPrice": written(engine.ask),
        "askQty": LEVEL_QUANTITY,
        "openPrice": written(first),
        "highPrice": written(max(bar.high for bar in bars)),
        "lowPrice": written(min(bar.low for bar in bars)),
        "volume": written(volume),
        "quoteVolume": written(quote_volume),
        "openTime": now - _DAY_MS,
        "closeTime": now,
        "firstId": first_trade_id(bars[0], interval),
        "lastId": first_trade_id(bars[-1], interval) + TRADES_PER_BAR_ID_SPACE - 1,
        "count": sum(bar.trades for bar in bars),
    }


def ticker_event(market: Market, engine: MatchingEngine, now: int) -> dict[str, object]:
    """The payload of `<symbol>@ticker`."""
    return {"e": "24hrTicker", "E": now, **_renamed(day_ticker(market, engine), _TICKER_NAMES)}


def mini_ticker_event(market: Market, engine: MatchingEngine, now: int) -> dict[str, object]:
    """The payload of `<symbol>@miniTicker`."""
    row = _renamed(day_ticker(market, engine), _MINI_TICKER_NAMES)
    return {"e": "24hrMiniTicker", "E": now, **row}


def _renamed(row: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    return {short: row[long] for short, long in names.items()}
