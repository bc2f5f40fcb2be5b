"""The exchange put together: one market, one account, its protocols on one port.

Built by the entry point from settings. It listens to the market (each tick is matched, saved and
published, in this order) and to finished operations (the same without the tick).
"""

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import web

from tradinglab.errors import StorageError
from tradinglab.logs import fields
from tradinglab_exchange.account_queries import AccountQueries
from tradinglab_exchange.admission import Admission
from tradinglab_exchange.book import Book
from tradinglab_exchange.documents import account_position
from tradinglab_exchange.faults import Faults, FaultSwitch
from tradinglab_exchange.hub import StreamHub
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.list_trading import ListTrading
from tradinglab_exchange.market import Market, Tick
from tradinglab_exchange.market_data import MarketData
from tradinglab_exchange.matching import Costs, MatchingEngine
from tradinglab_exchange.money import exact, written
from tradinglab_exchange.operations import operations
from tradinglab_exchange.parameters import Params
from tradinglab_exchange.rate_limits import RateLimits
from tradinglab_exchange.rest import RestApi
from tradinglab_exchange.settings import Settings
from tradinglab_exchange.signatures import Signatures
from tradinglab_exchange.sockets import close_all
from tradinglab_exchange.state import Position, Store
from tradinglab_exchange.streams import MarketStreams
from tradinglab_exchange.trading import Trading
from tradinglab_exchange.websocket_api import WebSocketApi

log = logging.getLogger(__name__)


class Exchange:
    """Everything but the source of the bars and the listening socket."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        store: Store,
        book: Book,
        klines: Callable[[Params], object] | None = None,
    ) -> None:
        self.settings, self.market, self._store, self._book = settings, market, store, book
        self.clock_skew_ms = 0
        self.position = store.load_position()
        self.subscribed = asyncio.Event()
        self.failure: StorageError | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self.hub = StreamHub()
        self.hub.on_subscribe = self._noticed_subscriber
        self._updates = 0
        instrument = Instrument.of_pair(settings.symbol)
        self._stream = instrument.symbol.lower()
        costs = Costs(settings.maker_fee, settings.taker_fee, settings.half_spread_bps / 10_000)
        self.engine = MatchingEngine(instrument, book, costs, exact(market.last), market.now)
        limits = RateLimits(settings.request_weight_limit, settings.order_limit, time.time)
        self.data = MarketData(
            instrument, market, self.engine, self.server_time, limits.documents()
        )
        admission = Admission(instrument, book, self.engine, limits.count_orders)
        lists = ListTrading(instrument, book, self.engine, admission)
        trading = Trading(instrument, book, self.engine, admission, lists)
        queries = AccountQueries(instrument, book, costs)
        signatures = Signatures(
            settings.api_key.get_secret_value(),
            settings.api_secret.get_secret_value(),
            self.server_time,
        )
        table = operations(self.data, queries, trading, lists, klines or self.data.klines)
        self._rest = RestApi(table, signatures, limits, self.settle)
        self.user_streams = WebSocketApi(
            table, signatures, limits, self.settle, settings.session_seconds
        )
        self._streams = MarketStreams(self.hub, settings.session_seconds)
        self._faults = (
            FaultSwitch(self.disconnect_all, self._apply_faults) if settings.faults else None
        )

    def server_time(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_skew_ms

    def application(self) -> web.Application:
        application = web.Application()
        if self._faults is not None:
            application.middlewares.append(self._faults.middleware)
            application.add_routes(self._faults.routes())
        application.add_routes(self._rest.routes())
        application.add_routes(self._streams.routes())
        application.add_routes(self.user_streams.routes())
        return application

    def resume(self) -> None:
        """Lets the engine go on from where the market stands, matching nothing."""
        self.engine.last, self.engine.now = exact(self.market.last), self.market.now

    async def disconnect_all(self) -> None:
        await close_all(self.hub.connections() | self.user_streams.connections())

    def note_position(self, position: Position) -> None:
        """Saved together with what the tick changes."""
        self.position = position

    def on_tick(self, tick: Tick) -> None:
        self.engine.move(exact(tick.price), tick.time, tick.continuous)
        self.settle()
        self._publish_tick(tick)

    def on_kline(self, event: dict[str, object], closed: bool) -> None:
        if closed:
            self.settle()
        events = [event] if self._faults is None else self._faults.klines(event, closed)
        for shown in events:
            self.hub.publish(f"{self._stream}@kline_{self.market.timeframe}", shown)

    def _apply_faults(self, faults: Faults) -> None:
        self.clock_skew_ms = faults.clock_skew_ms
        self.engine.partial_fraction = faults.partial_fill_fraction

    def settle(self) -> None:
        """Saves what changed, then tells the account's subscribers."""
        changes = self._book.take_changes()
        events = self.engine.take_events()
        account = self._book.account
        if changes.assets:
            account.update_time = self.engine.now
            events.append(account_position(account, changes.assets, self.engine.now))
        try:
            self._store.save(changes, account, self.position)
        except StorageError as error:
            self.failure = error
            self.on_failure()
            raise
        for event in events:
            self.user_streams.publish(event)
        for trade in changes.trades:
            log.info(
                "filled",
                extra=fields(
                    order=trade.order_id,
                    side=trade.side.value,
                    quantity=written(trade.quantity),
                    price=written(trade.price),
                ),
            )

    def _noticed_subscriber(self, stream: str) -> None:
        if stream == f"{self._stream}@kline_{self.market.timeframe}" and (
            not self.subscribed.is_set()
        ):
            log.info("market runs", extra=fields(subscribed=stream))
            self.subscribed.set()

    def _publish_tick(self, tick: Tick) -> None:
        self._updates += 1
        symbol, buyer_is_maker = self.market.symbol, False
        price, quantity = written(tick.price), written(tick.quantity)
        shared = {"E": tick.time, "s": symbol}
        if self.hub.has_listeners(f"{self._stream}@trade"):
            self.hub.publish(
                f"{self._stream}@trade",
                {
                    "e": "trade",
                    **shared,
                    "t": tick.last_trade_id,
                    "p": price,
                    "q": quantity,
                    "T": tick.time,
                    "m": buyer_is_maker,
                    "M": True,
                },
            )
        if self.hub.has_listeners(f"{self._stream}@aggTrade"):
            self.hub.publish(
                f"{self._stream}@aggTrade",
                {
                    "e": "aggTrade",
                    **shared,
                    "a": tick.aggregate_id,
                    "p": price,
                    "q": quantity,
                    "f": tick.first_trade_id,
                    "l": tick.last_trade_id,
                    "T": tick.time,
                    "m": buyer_is_maker,
                    "M": True,
                },
            )
        if self.hub.has_listeners(f"{self._stream}@bookTicker"):
            update = self.market.now + self._updates
            self.hub.publish(f"{self._stream}@bookTicker", self.data.book_ticker_event(update))
