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
from tradinglab.fills.costs import Costs, FeeDiscount
from tradinglab.fills.crossing import Ahead
from tradinglab.logs import fields
from tradinglab_exchange.account_events import account_position
from tradinglab_exchange.account_queries import AccountQueries
from tradinglab_exchange.admission import Admission
from tradinglab_exchange.book import Book
from tradinglab_exchange.fault_plan import Faults
from tradinglab_exchange.faults import FaultSwitch
from tradinglab_exchange.frame_faults import Frame
from tradinglab_exchange.hub import Connection, StreamHub
from tradinglab_exchange.instrument import SymbolStatus
from tradinglab_exchange.key_permissions import KeyPermissions
from tradinglab_exchange.list_trading import ListTrading
from tradinglab_exchange.market import Market, Tick
from tradinglab_exchange.market_data import MarketData
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import exact, written
from tradinglab_exchange.operations import operations
from tradinglab_exchange.parameters import Params
from tradinglab_exchange.publishing import TickPublisher
from tradinglab_exchange.rate_limits import RateLimits
from tradinglab_exchange.rest import RestApi
from tradinglab_exchange.settings import Settings
from tradinglab_exchange.signatures import Signatures
from tradinglab_exchange.sockets import SocketLife, close_all
from tradinglab_exchange.state import Position, Store
from tradinglab_exchange.stepping import Steps
from tradinglab_exchange.streams import MarketStreams
from tradinglab_exchange.trading import Trading
from tradinglab_exchange.websocket_api import WebSocketApi

log = logging.getLogger(__name__)


def _costs(settings: Settings) -> Costs:
    discount = (
        FeeDiscount("BNB", settings.bnb_price, 1 - settings.bnb_discount)
        if settings.pay_fees_in_bnb
        else None
    )
    return Costs(
        settings.maker_fee,
        settings.taker_fee,
        settings.half_spread_bps / 10_000,
        settings.slippage_bps / 10_000,
        discount,
    )


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
        instrument = settings.instrument
        self._stream = instrument.symbol.lower()
        costs = _costs(settings)
        self.engine = MatchingEngine(instrument, book, costs, exact(market.last), market.now)
        limits = RateLimits(settings.request_weight_limit, settings.order_limit, time.time)
        self.data = MarketData(
            instrument, market, self.engine, self.server_time, limits.documents()
        )
        admission = Admission(instrument, book, self.engine, limits.count_orders)
        lists = ListTrading(instrument, book, self.engine, admission)
        trading = Trading(instrument, book, self.engine, admission, lists)
        permissions = KeyPermissions(
            settings.key_may_trade, settings.key_may_withdraw, settings.key_ip_restricted
        )
        queries = AccountQueries(instrument, book, costs, permissions)
        signatures = Signatures(
            settings.api_key.get_secret_value(),
            settings.api_secret.get_secret_value(),
            self.server_time,
            settings.key_may_trade,
        )
        table = operations(self.data, queries, trading, lists, klines or self.data.klines)
        life = SocketLife(settings.ping_seconds, settings.session_seconds)
        self._rest = RestApi(table, signatures, limits, self.settle)
        self.user_streams = WebSocketApi(table, signatures, limits, self.settle, life)
        self._streams = MarketStreams(self.hub, limits, life)
        self._ticks = TickPublisher(self.hub, self.data, market, self.engine)
        self.steps = Steps() if settings.stepped else None
        self._faults = (
            FaultSwitch(self.disconnect_all, self._apply_faults, settings.seed)
            if settings.faults
            else None
        )
        if self._faults is not None:
            self.engine.rejects_legs = self._faults.frames.rejects_legs

    def server_time(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_skew_ms

    def application(self) -> web.Application:
        application = web.Application()
        if self._faults is not None:
            application.middlewares.append(self._faults.middleware)
            application.add_routes(self._faults.routes())
        if self.steps is not None:
            application.add_routes(self.steps.routes())
        application.add_routes(self._rest.routes())
        application.add_routes(self._streams.routes())
        application.add_routes(self.user_streams.routes())
        return application

    def resume(self) -> None:
        """Lets the engine go on from where the market stands, matching nothing."""
        self.engine.last, self.engine.now = exact(self.market.last), self.market.now

    async def disconnect_all(self) -> None:
        await close_all(self._connections())

    def _connections(self) -> set[Connection]:
        return self.hub.connections() | self.user_streams.connections()

    def note_position(self, position: Position) -> None:
        """Saved together with what the tick changes."""
        self.position = position

    def is_open(self) -> bool:
        return self.engine.status is SymbolStatus.TRADING

    def takes_place(self) -> bool:
        if not self.is_open():
            return False
        return self._faults is None or self._faults.frames.takes_place()

    def on_tick(self, tick: Tick) -> None:
        fraction = self.settings.liquidity_fraction
        self.engine.move(
            exact(tick.price),
            tick.time,
            tick.continuous,
            None if fraction is None else exact(tick.quantity) * fraction,
            None if tick.ahead is None else Ahead(exact(tick.ahead[0]), exact(tick.ahead[1])),
        )
        self.settle()
        self._ticks.publish(tick)

    def on_kline(self, event: dict[str, object], closed: bool) -> None:
        if closed:
            self.settle()
        shown_events: list[Frame] = (
            [event] if self._faults is None else self._faults.frames.klines(event, closed)
        )
        for shown in shown_events:
            self.hub.publish(f"{self._stream}@kline_{self.market.timeframe}", shown)

    def _apply_faults(self, faults: Faults) -> None:
        self.clock_skew_ms = faults.clock_skew_ms
        self.engine.partial_fraction = faults.partial_fill_fraction
        self.engine.status = faults.symbol_status
        if faults.symbol_status is SymbolStatus.BREAK:
            self.engine.expire_all()
        for asset, amount in faults.transfers.items():
            self.engine.transfer(asset, amount)
        if faults.half_open:
            faults.half_open = False
            for connection in self._connections():
                connection.mute = True
        self.settle()

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
            if self._faults is None or self._faults.frames.is_told():
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
