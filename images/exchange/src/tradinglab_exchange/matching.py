"""The matching engine: when orders of the account fill, at what price, and what it costs.

Called by the trading operations (place, cancel) and by the market (each price move). Works on
its `Book` in memory only; whoever calls it saves and publishes what came out (`take_events`).

Rules. A market order fills at the last price plus or minus half the spread. A resting limit order
fills at its price once the market trades through it (beyond it, not merely at it). A stop triggers
when touched and fills half a spread worse than the trading price: inside a bar that is the stop
price itself, over a gap the first price after it. A list's pending legs start when its working
order is filled completely; a leg that starts to execute expires the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tradinglab_exchange import documents
from tradinglab_exchange.book import Book
from tradinglab_exchange.documents import Document
from tradinglab_exchange.errors import ApiError, insufficient_balance, order_rejected
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.money import ZERO, ceil_to, commission, floor_to
from tradinglab_exchange.orders import (
    NO_LIST,
    Contingency,
    Order,
    OrderList,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    Trade,
)


@dataclass(frozen=True, slots=True)
class Costs:
    """Fees as fractions of a fill; the spread's half as a fraction of the price."""

    maker_fee: Decimal
    taker_fee: Decimal
    half_spread: Decimal


class MatchingEngine:
    """One pair, one account. `last` is the last traded price, `now` the market's time."""

    def __init__(
        self, instrument: Instrument, book: Book, costs: Costs, last: Decimal, now: int
    ) -> None:
        self.instrument, self.book, self.costs = instrument, book, costs
        self.last, self.now = last, now
        self.partial_fraction: Decimal | None = None
        self._events: list[Document] = []
        self._filled_in_this_move: set[int] = set()

    @property
    def bid(self) -> Decimal:
        return floor_to(self.last * (1 - self.costs.half_spread), self.instrument.tick_size)

    @property
    def ask(self) -> Decimal:
        return ceil_to(self.last * (1 + self.costs.half_spread), self.instrument.tick_size)

    def take_events(self) -> list[Document]:
        """User data events since the last call, in the order they happened."""
        events, self._events = self._events, []
        return events

    # Placing

    def submit(self, order: Order) -> None:
        """Accepts and works a single order; raises ApiError before anything changed."""
        self._refuse_immediate(order)
        self._lock([order])
        self._accept(order)
        self._work(order)

    def submit_oco(self, group: OrderList, legs: list[Order]) -> None:
        """Two legs that share one lock."""
        for leg in legs:
            self._refuse_immediate(leg)
        self._lock(legs)
        self._start_list(group, legs)
        for leg in legs:
            self._accept(leg)

    def submit_oto(self, group: OrderList, working: Order, pending: list[Order]) -> None:
        """The working order now; the pending legs hold no funds until it is filled."""
        self._refuse_immediate(working)
        self._lock([working])
        for leg in pending:
            leg.status = OrderStatus.PENDING_NEW
        self._start_list(group, [working, *pending])
        self._accept(working)
        for leg in pending:
            self._report(leg, "NEW")
        self._work(working)

    def _start_list(self, group: OrderList, orders: Iterable[Order]) -> None:
        for order in orders:
            order.update_time = self.now
            self.book.touch(order)
        self.book.touch_list(group)
        self._report_list(group)

    def _refuse_immediate(self, order: Order) -> None:
        if order.waits_for_stop and self._is_touched(order):
            raise order_rejected("Order would trigger immediately.")
        if order.type is OrderType.LIMIT_MAKER and self._is_marketable(order):
            raise order_rejected("Order would immediately match and take.")

    def _accept(self, order: Order) -> None:
        order.status = OrderStatus.NEW
        if not order.waits_for_stop:
            order.working_time = self.now
        self._report(order, "NEW")

    # Canceling

    def cancel(self, order: Order, cancel_id: str) -> list[Order]:
        """Cancels it, and the whole list if it is part of one; returns what was canceled."""
        canceled = [order, *(other for other in self.book.siblings(order) if other.status.is_open)]
        canceled.sort(key=lambda one: one.order_id)
        for one in canceled:
            self._end(one, OrderStatus.CANCELED, cancel_id)
        self._finish_list(order)
        return canceled

    # Price moves

    def move(self, price: Decimal, now: int, continuous: bool) -> None:
        """Trades to `price`: through every level between if continuous, else over a gap."""
        self.now = now
        if not continuous:
            self.last = price
        self._filled_in_this_move.clear()
        while self.book.open:
            reached = [
                (abs(level - self.last), order.order_id, level)
                for order in self.book.open.values()
                if (level := self._level_reached(order, price)) is not None
            ]
            if not reached:
                break
            _, order_id, level = min(reached)
            self.last = level
            self._execute_at_level(self.book.orders[order_id])
        self.last = price

    def _level_reached(self, order: Order, target: Decimal) -> Decimal | None:
        """The price on the way to `target` at which `order` executes."""
        if not order.is_live or order.order_id in self._filled_in_this_move:
            return None
        if order.waits_for_stop:
            if order.triggers_upwards:
                return max(order.stop_price, self.last) if target >= order.stop_price else None
            return min(order.stop_price, self.last) if target <= order.stop_price else None
        if order.side is Side.BUY:
            through = min(self.last, target) < order.price
            return min(order.price, self.last) if through else None
        through = max(self.last, target) > order.price
        return max(order.price, self.last) if through else None

    def _execute_at_level(self, order: Order) -> None:
        if order.waits_for_stop:
            self._trigger(order)
            return
        quantity = order.remaining
        if self.partial_fraction is not None and order.executed == ZERO:
            share = floor_to(quantity * self.partial_fraction, self.instrument.step_size)
            quantity = share or quantity
        self._filled_in_this_move.add(order.order_id)
        self._fill(order, order.price, quantity, is_maker=True)

    def _trigger(self, order: Order) -> None:
        order.triggered = True
        order.working_time = self.now
        self._expire_siblings(order)
        if order.type.has_limit:
            self._report(order, "NEW")
        self._work(order)

    # Executing

    def _is_touched(self, order: Order) -> bool:
        if order.triggers_upwards:
            return self.last >= order.stop_price
        return self.last <= order.stop_price

    def _is_marketable(self, order: Order) -> bool:
        if order.side is Side.BUY:
            return order.price >= self.ask
        return order.price <= self.bid

    def _work(self, order: Order) -> None:
        """Executes at once what can be; a limit order that cannot rests or expires."""
        if order.waits_for_stop:
            if self._is_touched(order):
                self._trigger(order)
            return
        if order.type.has_limit and not self._is_marketable(order):
            if order.time_in_force is not TimeInForce.GTC:
                self._end(order, OrderStatus.EXPIRED)
                self._finish_list(order)
            return
        price = self.ask if order.side is Side.BUY else self.bid
        self._fill(order, price, order.remaining, is_maker=False)

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, is_maker: bool) -> None:
        self._expire_siblings(order)
        quote = price * quantity
        account, base, money = self.book.account, self.instrument.base, self.instrument.quote
        if order.side is Side.BUY and quote > order.locked:
            # A stop buy locks at its stop price and may fill above it.
            shortage = quote - order.locked
            try:
                account.lock(money, shortage)
            except ApiError:
                self._end(order, OrderStatus.EXPIRED)
                self._finish_list(order)
                return
            order.locked += shortage
        spent, received = (quote, quantity) if order.side is Side.BUY else (quantity, quote)
        paid_in, paid_out = (money, base) if order.side is Side.BUY else (base, money)
        fee_rate = self.costs.maker_fee if is_maker else self.costs.taker_fee
        fee = commission(received, fee_rate)
        account.spend_locked(paid_in, spent)
        account.receive(paid_out, received - fee)
        order.locked -= spent
        order.executed += quantity
        order.executed_quote += quote
        trade = Trade(
            trade_id=self.book.next_trade_id,
            order_id=order.order_id,
            list_id=order.list_id,
            side=order.side,
            price=price,
            quantity=quantity,
            quote=quote,
            commission=fee,
            commission_asset=paid_out,
            time=self.now,
            is_maker=is_maker,
        )
        self.book.add_trade(trade)
        filled = order.remaining == ZERO
        order.status = OrderStatus.FILLED if filled else OrderStatus.PARTIALLY_FILLED
        if filled:
            self._release(order)
        self._report(order, "TRADE", trade)
        if filled:
            self._go_on_with_list(order)

    def _go_on_with_list(self, order: Order) -> None:
        pending = [o for o in self.book.siblings(order) if o.status is OrderStatus.PENDING_NEW]
        if not pending:
            self._finish_list(order)
            return
        try:
            self._lock(pending)
        except ApiError:
            for leg in pending:
                self._end(leg, OrderStatus.REJECTED)
            self._finish_list(order)
            return
        for leg in pending:
            self._accept(leg)
        for leg in pending:
            if leg.is_live:
                self._work(leg)

    def _expire_siblings(self, order: Order) -> None:
        if order.list_id == NO_LIST:
            return
        group = self.book.lists[order.list_id]
        if group.contingency is Contingency.OTO and order.order_id == group.order_ids[0]:
            return
        for other in self.book.siblings(order):
            if other.status.is_open:
                order.locked += other.locked
                other.locked = ZERO
                self._end(other, OrderStatus.EXPIRED)

    def _end(self, order: Order, status: OrderStatus, cancel_id: str = "") -> None:
        order.status = status
        self._release(order)
        self._report(order, status.value, cancel_id=cancel_id)

    def _finish_list(self, order: Order) -> None:
        if order.list_id == NO_LIST:
            return
        group = self.book.lists[order.list_id]
        for other in self.book.siblings(order):
            if other.status is OrderStatus.PENDING_NEW:
                self._end(other, OrderStatus.EXPIRED)
        if not group.done and not any(o.status.is_open for o in self.book.members(group)):
            group.done = True
            self.book.touch_list(group)
            self._report_list(group)

    # Funds

    def _need(self, order: Order) -> Decimal:
        if order.side is Side.SELL:
            return order.quantity
        if order.type.has_limit:
            return order.price * order.quantity
        price = order.stop_price if order.type.has_stop else self.ask
        return price * order.quantity

    def _lock(self, orders: list[Order]) -> None:
        """Locks the largest need among alternatives, on the order that has it."""
        largest = max(orders, key=self._need)
        need = self._need(largest)
        if need <= ZERO:
            raise insufficient_balance()
        self.book.account.lock(self._spent_asset(largest), need)
        largest.locked = need

    def _release(self, order: Order) -> None:
        if order.locked:
            self.book.account.release(self._spent_asset(order), order.locked)
            order.locked = ZERO

    def _spent_asset(self, order: Order) -> str:
        return self.instrument.quote if order.side is Side.BUY else self.instrument.base

    # Reporting

    def _report(
        self, order: Order, execution: str, trade: Trade | None = None, cancel_id: str = ""
    ) -> None:
        order.update_time = self.now
        self.book.touch(order)
        self._events.append(
            documents.execution_report(
                order, self.instrument.symbol, execution, self.now, trade, cancel_id
            )
        )

    def _report_list(self, group: OrderList) -> None:
        group.time = self.now
        self._events.append(
            documents.list_status(group, self.book.members(group), self.instrument.symbol, self.now)
        )
