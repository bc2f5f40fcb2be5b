"""What the market streams say after each tick: trade, aggTrade, book, depth and ticker frames.

Called by the exchange once a tick is matched. A frame is made only if somebody listens to it.
"""

from tradinglab_exchange.day_ticker import mini_ticker_event, ticker_event
from tradinglab_exchange.hub import StreamHub
from tradinglab_exchange.market import Market, Tick
from tradinglab_exchange.market_data import MarketData
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import written

DEPTHS = (5, 10, 20)
SPEEDS = ("", "@100ms")


class TickPublisher:
    """One pair's market streams but for the klines."""

    def __init__(
        self, hub: StreamHub, data: MarketData, market: Market, engine: MatchingEngine
    ) -> None:
        self._hub, self._data, self._market, self._engine = hub, data, market, engine
        self._symbol, self._stream = market.symbol, market.symbol.lower()

    def publish(self, tick: Tick) -> None:
        self._trades(tick)
        before = self._data.update_id
        self._data.update_id = max(before + 1, tick.time)
        if self._listens("bookTicker"):
            self._send("bookTicker", self._data.book_ticker_event())
        self._depth(before, tick.time)
        if self._listens("ticker"):
            self._send("ticker", ticker_event(self._market, self._engine, tick.time))
        if self._listens("miniTicker"):
            self._send("miniTicker", mini_ticker_event(self._market, self._engine, tick.time))

    def _listens(self, kind: str) -> bool:
        return self._hub.has_listeners(f"{self._stream}@{kind}")

    def _send(self, kind: str, event: object) -> None:
        self._hub.publish(f"{self._stream}@{kind}", event)

    def _trades(self, tick: Tick) -> None:
        shared = {"E": tick.time, "s": self._symbol}
        traded = {"p": written(tick.price), "q": written(tick.quantity)}
        maker = {"T": tick.time, "m": False, "M": True}
        if self._listens("trade"):
            number = {"t": tick.last_trade_id}
            self._send("trade", {"e": "trade", **shared, **number, **traded, **maker})
        if self._listens("aggTrade"):
            ids = {"f": tick.first_trade_id, "l": tick.last_trade_id}
            event = {"e": "aggTrade", **shared, "a": tick.aggregate_id, **traded, **ids, **maker}
            self._send("aggTrade", event)

    def _depth(self, before: int, now: int) -> None:
        """The best levels, and what changed of the whole book since the last tick."""
        quotes = self._data.replace_quotes()
        for speed in SPEEDS:
            for levels in DEPTHS:
                if self._listens(f"depth{levels}{speed}"):
                    self._send(f"depth{levels}{speed}", self._data.levels(levels))
            if self._listens(f"depth{speed}"):
                self._send(f"depth{speed}", self._data.depth_changes(quotes, before, now))
