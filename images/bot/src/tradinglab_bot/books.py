"""The books: ledger, exchange and engine state brought to agree. Used by trader and executor.

REST is the truth. Fills, orders' ends and the state they lead to are written in one transaction.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal

from tradinglab.adapters.ledger import Ledger
from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.order import EnterIntent, Fill, Leg, OrderReport, OrderStatus
from tradinglab.engine.state import EngineState, TradingMode, apply_fill
from tradinglab.errors import ExchangeUnavailable, HaltTrading, TradinglabError
from tradinglab.ports.broker import Account, Broker
from tradinglab_bot import story

log = logging.getLogger(__name__)

# The exchange takes a request until its receive window (3 s) has passed; then it never will. The
# rest is for what the two clocks may differ by. Only then "unknown order" is a final answer.
FINAL_AFTER_SECONDS = 4.5
# The stop covers a position from the moment it works; before, it waits for its entry.
WORKING = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
# Set by a person who ends a halt, until balances were compared once.
RESUMED = "resumed"


class Books:
    """`state` is the engine's memory as the ledger holds it."""

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        rules: SymbolRules,
        account: Account,
        state: EngineState,
    ) -> None:
        self.ledger = ledger
        self.broker = broker
        self.rules = rules
        self.account = account
        self.state = state
        self.missing_base = Decimal(0)
        self._unknown_since: dict[str, float] = {}

    def entry_is_live(self) -> bool:
        return any(leg is Leg.ENTRY for _, leg in self.ledger.live_orders())

    def protected_quantity(self) -> Decimal:
        """What working stop orders cover."""
        return sum(
            (order.quantity - order.executed_quantity for order in self.working_stops()),
            Decimal(0),
        )

    def working_stops(self) -> list[OrderReport]:
        return [
            order
            for order, leg in self.ledger.live_orders()
            if leg is Leg.STOP and order.status in WORKING
        ]

    def lowest_stop(self) -> Decimal | None:
        prices = [order.stop_price for order in self.working_stops() if order.stop_price]
        return min(prices, default=None)

    def at_hand(self) -> EngineState:
        """The state with no more coins in the position than the account holds: what is missing
        cannot be put under a stop, the rest must be."""
        position = self.state.position
        if position is None or self.missing_base <= 0:
            return self.state
        left = position.quantity - self.missing_base
        held = position.model_copy(update={"quantity": max(left, Decimal(0))})
        return self.state.model_copy(update={"position": held})

    async def synchronise(self, always: bool = False) -> None:
        """Fetches what became of live orders, and new fills. Nothing is asked if none is live,
        unless `always`.

        Raises ExchangeUnavailable; the books are unchanged then.
        """
        live = self.ledger.live_orders()
        if not live and not always:
            return
        changed = await self._changed(live)
        fills = await self.broker.fills_after(self.ledger.last_trade_id())
        if not changed and not fills:
            return
        values = await self._other_values(fills)
        lines: list[str] = []
        before = self.state
        try:
            with self.ledger.transaction():
                for fill in fills:
                    lines += self._book_fill(fill, values)
                for report in changed:
                    missing = (
                        self.ledger.filled_quantity(report.client_id) < report.executed_quantity
                    )
                    self.ledger.record_order_status(
                        report.client_id,
                        report.status,
                        report.executed_quantity,
                        is_live=report.status.is_live or missing,
                    )
                self.state = self._without_ended_entry()
                self.ledger.save_engine_state(self.state)
        except BaseException:
            self.state = before
            raise
        for line in lines:
            log.info(line)
        if fills and self._fills_ahead_of_orders():
            await self.synchronise()
        if len(self.state.unsettled) > len(before.unsettled):
            await self.check_balances()

    def _fills_ahead_of_orders(self) -> bool:
        """An order filled between the two questions: its status is older than its fills."""
        return any(
            self.ledger.filled_quantity(order.client_id) > order.executed_quantity
            for order, _ in self.ledger.live_orders()
        )

    def forget_ended_entry(self) -> None:
        """For an entry that ended without any order changing: it was never accepted."""
        state = self._without_ended_entry()
        if state == self.state:
            return
        with self.ledger.transaction():
            self.ledger.save_engine_state(state)
        self.state = state

    def _without_ended_entry(self) -> EngineState:
        """An entry is over when it neither rests nor awaits its sending or an answer: while one
        replaces another, the state holds the new one already."""
        awaited = any(
            isinstance(written.intent, EnterIntent) for written in self.ledger.unanswered_intents()
        )
        if awaited or self.entry_is_live():
            return self.state
        if self.protected_quantity() > 0:
            return self.state.without_entry()
        return self.state.entry_ended(self.rules)

    async def _changed(self, live: tuple[tuple[OrderReport, Leg], ...]) -> list[OrderReport]:
        """Live orders whose status or executed quantity differs from the ledger's."""
        open_now = {order.client_id: order for order in await self.broker.open_orders()}
        waiting_lists = {
            order.list_client_id
            for order, leg in live
            if leg is Leg.ENTRY and order.client_id in open_now
        }
        changed = []
        for order, _ in live:
            if not order.status.is_live:
                changed.append(order)  # ended; only its fills were still to come
                continue
            report = open_now.get(order.client_id)
            if report is None:
                if (
                    order.status is OrderStatus.PENDING_NEW
                    and order.list_client_id in waiting_lists
                ):
                    continue
                report = await self.broker.find_order(order.client_id)
            if report is None:
                raise self._unknown(order)
            self._unknown_since.pop(order.client_id, None)
            same = (report.status, report.executed_quantity) == (
                order.status,
                order.executed_quantity,
            )
            if not same or not report.status.is_live:
                changed.append(report)
        return changed

    def _unknown(self, order: OrderReport) -> TradinglabError:
        """One answer may come from a part of the exchange that lags; one that stays is final."""
        since = self._unknown_since.setdefault(order.client_id, time.monotonic())
        text = (
            f"order {order.client_id} was accepted as {order.exchange_id} and is unknown to the "
            "exchange now; expected it open or ended"
        )
        if time.monotonic() - since < FINAL_AFTER_SECONDS:
            return ExchangeUnavailable(text)
        return HaltTrading(text)

    async def _other_values(self, fills: Iterable[Fill]) -> dict[str, Decimal | None]:
        """Prices in quote of the assets that fees were paid in, those of the market aside."""
        market = (self.rules.base, self.rules.quote)
        assets = {fill.commission_asset for fill in fills if fill.commission > 0}
        return {asset: await self.broker.value_of(asset) for asset in assets.difference(market)}

    def _fee_in_quote(self, fill: Fill, values: Mapping[str, Decimal | None]) -> Decimal | None:
        if fill.commission_asset == self.rules.quote or not fill.commission:
            return fill.commission
        if fill.commission_asset == self.rules.base:
            return fill.commission * fill.price
        price = values.get(fill.commission_asset)
        return None if price is None else fill.commission * price

    def _book_fill(self, fill: Fill, values: Mapping[str, Decimal | None]) -> list[str]:
        """Inside a transaction. Returns the lines to log once it is committed."""
        fee = self._fee_in_quote(fill, values)
        other = fee if fee is not None and fill.commission_asset in values else Decimal(0)
        found = self.ledger.origin_of(fill.exchange_order_id)
        client_id, origin = found if found is not None else (None, None)
        if not self.ledger.record_fill(fill, client_id, fee):
            return []
        line = story.fill_line(fill, origin, self.rules)
        self.ledger.add_alert("fill", line.strip())
        if origin is None:
            return [line]
        self.state, trade = apply_fill(self.state, fill, origin, self.rules, other)
        if trade is None:
            return [line]
        self.ledger.record_trade(trade, fill.trade_id)
        closing = story.trade_line(trade, self.rules)
        self.ledger.add_alert("trade", closing.strip())
        return [line, closing]

    async def check_balances(self) -> None:
        """Compares the account with the state. Money that came or went is adopted and reported;
        coins that are missing put the state in doubt: trading halts until a person resumes. The
        first look after that gives up what is missing then."""
        self.account = await self.broker.account()
        if self.ledger.live_orders() and await self.broker.fills_after(self.ledger.last_trade_id()):
            return  # a fill came meanwhile; the next look compares
        quote, base = self.rules.quote, self.rules.base
        total = self.account.total(quote)
        state = self.state
        texts = []
        if total != state.quote:
            texts.append(
                f"balance of {quote} is {total}, expected {state.quote}: "
                f"{total - state.quote:+f} came from outside of this bot's orders; adopted"
            )
            state = state.with_quote(total)
        held = self.account.total(base)
        missing = max(state.base - held, Decimal(0))
        if held < state.base and self.ledger.value(RESUMED):
            texts.append(
                f"balance of {base} is {held}, expected at least {state.base}: a person resumed "
                "trading, so the coins that are missing are given up"
            )
            state = state.with_base(held, self.rules)
            missing = Decimal(0)
        elif held < state.base:
            texts.append(
                f"balance of {base} is {held}, expected at least {state.base}: "
                "coins of this bot's position are gone; trading halts until a person resumes it"
            )
            state = state.model_copy(update={"mode": TradingMode.HALTED})
        with self.ledger.transaction():
            for text in texts:
                self.ledger.add_alert("balance", text)
            if not texts:
                self.ledger.add_alert("balance", f"balance {story.money(total)} {quote}")
            self.ledger.set_value(RESUMED, "")
            self.ledger.save_engine_state(state)
        self.state, self.missing_base = state, missing
        for text in texts:
            log.warning(text)
