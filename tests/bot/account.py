"""An account in memory for the bot's unit tests, behind the broker's port; and books on it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.engine.situations import bar, facts, flat, forecast, rules
from tests.ledger.entries import open_ledger

from tradinglab.domain.bar import Bar
from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.order import (
    Balance,
    EnterIntent,
    ExitIntent,
    Fill,
    OrderReport,
    OrderStatus,
    ProtectIntent,
    Side,
    StopIntent,
)
from tradinglab.engine.decision import Decision
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState
from tradinglab.engine.step import step
from tradinglab.ports.broker import Account, OrderIds
from tradinglab_bot.books import Books
from tradinglab_bot.executor import Executor

ZERO = Decimal(0)
FEE = Decimal("0.001")


class MemoryBroker:
    """Orders rest until they are cancelled or `fill_entry` fills them; fees are in the base."""

    def __init__(self, quote: Decimal = Decimal(10_000), base: Decimal = ZERO) -> None:
        self.orders: dict[str, OrderReport] = {}
        self.fills: list[Fill] = []
        self.exits: list[ExitIntent] = []
        self.quote, self.base = quote, base
        self.unknown: set[str] = set()

    async def rules(self) -> SymbolRules:
        return rules()

    async def account(self) -> Account:
        return Account({"USDT": Balance(self.quote, ZERO), "BTC": Balance(self.base, ZERO)}, 0.001)

    def _rest(
        self, name: str, group: str, side: Side, quantity: Decimal, status: OrderStatus
    ) -> OrderReport:
        number = len(self.orders) + 1
        report = OrderReport(
            name, number, group, side, "LIMIT", status, quantity, ZERO, Decimal(30_000), None
        )
        self.orders[name] = report
        return report

    async def enter(self, intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        waiting, group = OrderStatus.PENDING_NEW, ids.order_list
        protected = intent.protected_quantity
        return (
            self._rest(ids.order, group, Side.BUY, intent.quantity, OrderStatus.NEW),
            self._rest(ids.take_profit, group, Side.SELL, protected, waiting),
            self._rest(ids.stop, group, Side.SELL, protected, waiting),
        )

    async def protect(self, intent: ProtectIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        return tuple(
            self._rest(name, ids.order_list, Side.SELL, intent.quantity, OrderStatus.NEW)
            for name in (ids.take_profit, ids.stop)
        )

    async def stop(
        self, intent: StopIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        if replaced is not None:
            await self.cancel(replaced)
        rested = self._rest(ids.order, "", Side.SELL, intent.quantity, OrderStatus.NEW)
        self.orders[ids.order] = replace(rested, stop_price=intent.stop_price)
        return (self.orders[ids.order],)

    async def exit(
        self, intent: ExitIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        self.exits.append(intent)
        if replaced is not None:
            await self.cancel(replaced)
        expired = OrderStatus.EXPIRED
        return (self._rest(ids.order, "", Side.SELL, intent.quantity, expired),)

    async def cancel(self, order: OrderReport) -> None:
        for name, other in self.orders.items():
            same = other.client_id == order.client_id or (
                other.list_client_id and other.list_client_id == order.list_client_id
            )
            if same and other.status.is_live:
                self.orders[name] = replace(other, status=OrderStatus.CANCELED)

    async def find_order(self, client_id: str) -> OrderReport | None:
        return None if client_id in self.unknown else self.orders.get(client_id)

    async def find_order_number(self, exchange_id: int) -> OrderReport | None:
        named = (o for o in self.orders.values() if o.exchange_id == exchange_id)
        return next(named, None)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return tuple(
            order
            for name, order in self.orders.items()
            if order.status.is_live and name not in self.unknown
        )

    async def fills_after(self, trade_id: int) -> tuple[Fill, ...]:
        return tuple(fill for fill in self.fills if fill.trade_id > trade_id)

    async def value_of(self, asset: str) -> Decimal | None:
        return {"BNB": Decimal(600)}.get(asset)

    async def newest_trade_id(self) -> int:
        return self.fills[-1].trade_id if self.fills else -1

    def entries(self) -> list[OrderReport]:
        """Those that rest."""
        return [o for o in self.orders.values() if o.side is Side.BUY and o.status.is_live]

    def fill_entry(self, quantity: Decimal) -> None:
        """A part of the entry that rests."""
        (order,) = self.entries()
        self.orders[order.client_id] = replace(
            order, status=OrderStatus.PARTIALLY_FILLED, executed_quantity=quantity
        )
        fee, number = quantity * FEE, len(self.fills) + 1
        self.fills.append(
            Fill(number, order.exchange_id, Side.BUY, order.price, quantity, fee, "BTC", 0, True)
        )
        self.quote -= quantity * order.price
        self.base += quantity - fee


class Desk:
    """Books and executor on one account; `decide` does what the trader does at each bar."""

    def __init__(
        self, folder: Path, broker: MemoryBroker | None = None, state: EngineState | None = None
    ) -> None:
        self.broker = broker or MemoryBroker()
        self.books = Books(
            open_ledger(folder),
            self.broker,
            rules(),
            Account({}, 0.001),
            state or flat(),
        )
        self.executor = Executor(self.books)

    async def decide(self, candle: Bar | None = None, outlook: Forecast | None = None) -> Decision:
        candle = candle or bar()
        await self.executor.resolve()
        outlook = outlook or forecast()
        state, decision = step(self.books.state, candle, outlook, facts(), Policy())
        ledger = self.books.ledger
        with ledger.transaction():
            ledger.record_decision(candle, decision, outlook, "", {}, False, state)
            written = self.executor.write(candle.open_time, decision.intents)
        self.books.state = state
        await self.executor.run(written)
        price = Decimal(repr(candle.close))
        await self.executor.keep_protected(candle.open_time, price)
        return decision
