"""The matching engine: when orders of the account fill, at what price, and what it costs.

Called by the trading operations (place, cancel) and by the market (each price move). Works on
its `Book` in memory only; whoever calls it saves and publishes what came out (`take_events`).

Rules. A market order fills at the last price plus or minus half the spread. A resting limit order
fills at its price once the market trades through it (beyond it, not merely at it). A stop triggers
when touched and fills half a spread worse than the trading price: inside a bar that is the stop
price itself, over a gap the first price after it. If stop and profit leg of one list both lie in
what a bar has still to trade, the stop wins. Where the liquidity of a tick is limited, limit
orders fill only up to it; market and triggered stop orders sweep. A list's pending legs start
when its working order is filled completely; a leg that starts to execute expires the others.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from tradinglab.domain.filters import floor_to
from tradinglab.domain.order import Side
from tradinglab.fills.costs import Costs
from tradinglab.fills.crossing import Ahead, is_marketable, is_touched, limit_level, stop_level
from tradinglab_exchange import account_events
from tradinglab_exchange.book import Book
from tradinglab_exchange.documents import Document
from tradinglab_exchange.errors import ApiError, insufficient_balance, order_rejected
from tradinglab_exchange.funds import Funds
from tradinglab_exchange.instrument import Instrument, SymbolStatus
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.orders import (
    NO_LIST,
    Contingency,
    Order,
    OrderList,
    OrderStatus,
    OrderType,
    TimeInForce,
    Trade,
)


class MatchingEngine:
    """One pair, one account. `last` is the last traded price, `now` the market's time."""

    def __init__(
        self, instrument: Instrument, book: Book, costs: Costs, last: Decimal, now: int
    ) -> None:
        self.instrument, self.book, self.costs = instrument, book, costs
        self.last, self.now = last, now
        self.status = SymbolStatus.TRADING
        self.partial_fraction: Decimal | None = None
        self.rejects_legs: Callable[[], bool] = lambda: False
        self._available: Decimal | None = None
        self._ahead: Ahead | None = None
        self._funds = Funds(book.account, instrument, costs)
        self._events: list[Document] = []
        self._filled_in_this_move: set[int] = set()

    @property
    def bid(self) -> Decimal:
        return self.costs.bid(self.last, self.instrument.tick_size)

    @property
    def ask(self) -> Decimal:
        return self.costs.ask(self.last, self.instrument.tick_size)

    def swept_price(self, side: Side) -> Decimal:
        """What a market order of that side gets now."""
        return self.costs.swept(side, self.last, self.instrument.tick_size)

    def take_events(self) -> list[Document]:
        """User data events since the last call, in the order they happened."""
        events, self._events = self._events, []
        return events

    # Placing

    def submit(self, order: Order) -> None:
        """Accepts and works a single order; raises ApiError before anything changed."""
        self._refuse_immediate(order)
        self._funds.lock([order], self.last)
        self._accept(order)
        self._work(order)

    def submit_oco(self, group: OrderList, legs: list[Order]) -> None:
        """Two legs that share one lock."""
        for leg in legs:
            self._refuse_immediate(leg)
        self._funds.lock(legs, self.last)
        self._start_list(group, legs)
        for leg in legs:
            self._accept(leg)

    def submit_oto(self, group: OrderList, working: Order, pending: list[Order]) -> None:
        """The working order now; the pending legs hold no funds until it is filled."""
        self._refuse_immediate(working)
        self._funds.lock([working], self.last)
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

    def expire_all(self) -> None:
        """Ends every open order, as the exchange does when it takes the pair out of trading."""
        for order in list(self.book.open.values()):
            if order.status.is_open:
                self._end(order, OrderStatus.EXPIRED)
                self._finish_list(order)

    def transfer(self, asset: str, amount: Decimal) -> None:
        """A deposit, or a withdrawal of at most what is free when `amount` is negative."""
        account = self.book.account
        if amount < ZERO:
            amount = -min(-amount, account.balance(asset).free)
            account.spend_free(asset, -amount)
        else:
            account.receive(asset, amount)
        self._events.append(account_events.balance_update(asset, amount, self.now))

    # Price moves

    def move(
        self,
        price: Decimal,
        now: int,
        continuous: bool,
        available: Decimal | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        """Trades to `price`: through every level between if continuous, else over a gap.

        `available` is the quantity that limit orders find until the next move; None: any.
        """
        self.now = now
        self._available, self._ahead = available, ahead if continuous else None
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
            return stop_level(order.triggers_upwards, order.stop_price, self.last, target)
        return limit_level(order.side, order.price, self.last, target)

    def _execute_at_level(self, order: Order) -> None:
        stop = self._stop_that_wins(order)
        if stop is not None:
            level, self.last = self.last, stop.stop_price
            self._trigger(stop)
            self.last = level
            return
        if order.waits_for_stop:
            self._trigger(order)
            return
        quantity = self._take_liquidity(order)
        if self.partial_fraction is not None and order.executed == ZERO:
            share = floor_to(quantity * self.partial_fraction, self.instrument.step_size)
            quantity = share or quantity
        self._filled_in_this_move.add(order.order_id)
        if quantity:
            self._fill(order, order.price, quantity, is_maker=True)

    def _stop_that_wins(self, order: Order) -> Order | None:
        """The stop beside a profit leg, if the bar has still to trade at its price."""
        if self._ahead is None or order.type.is_stop_loss:
            return None
        for other in self.book.siblings(order):
            is_stop = other.is_live and other.waits_for_stop and other.type.is_stop_loss
            if is_stop and self._ahead.holds(other.stop_price):
                return other
        return None

    def _take_liquidity(self, order: Order) -> Decimal:
        """How much of a limit order the liquidity of this move fills; it is used up."""
        if self._available is None:
            return order.remaining
        quantity = min(order.remaining, floor_to(self._available, self.instrument.step_size))
        self._available -= quantity
        return quantity

    def _trigger(self, order: Order) -> None:
        order.triggered = True
        order.working_time = self.now
        self._expire_siblings(order)
        if order.type.has_limit:
            self._report(order, "NEW")
        self._work(order)

    # Executing

    def _is_touched(self, order: Order) -> bool:
        return is_touched(order.triggers_upwards, order.stop_price, self.last)

    def _is_marketable(self, order: Order) -> bool:
        return is_marketable(order.side, order.price, self.bid, self.ask)

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
        if not order.type.has_limit:
            self._fill(order, self.swept_price(order.side), order.remaining, is_maker=False)
            return
        price = self.ask if order.side is Side.BUY else self.bid
        quantity = self._take_liquidity(order)
        if order.time_in_force is TimeInForce.FOK and quantity < order.remaining:
            quantity = ZERO
        if quantity:
            self._fill(order, price, quantity, is_maker=False)
        if order.status.is_open and order.time_in_force is not TimeInForce.GTC:
            self._end(order, OrderStatus.EXPIRED)
            self._finish_list(order)

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, is_maker: bool) -> None:
        self._expire_siblings(order)
        try:
            moved = self._funds.settle(order, price, quantity, is_maker)
        except ApiError:
            self._end(order, OrderStatus.EXPIRED)
            self._finish_list(order)
            return
        order.executed += quantity
        order.executed_quote += moved.quote
        trade = Trade(
            trade_id=self.book.next_trade_id,
            order_id=order.order_id,
            list_id=order.list_id,
            side=order.side,
            price=price,
            quantity=quantity,
            quote=moved.quote,
            commission=moved.commission,
            commission_asset=moved.commission_asset,
            time=self.now,
            is_maker=is_maker,
        )
        self.book.add_trade(trade)
        filled = order.remaining == ZERO
        order.status = OrderStatus.FILLED if filled else OrderStatus.PARTIALLY_FILLED
        if filled:
            self._funds.release(order)
        self._report(order, "TRADE", trade)
        if filled:
            self._go_on_with_list(order)

    def _go_on_with_list(self, order: Order) -> None:
        pending = [o for o in self.book.siblings(order) if o.status is OrderStatus.PENDING_NEW]
        if not pending:
            self._finish_list(order)
            return
        try:
            if self.rejects_legs():
                raise insufficient_balance()
            self._funds.lock(pending, self.last)
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
        self._funds.release(order)
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

    # Reporting

    def _report(
        self, order: Order, execution: str, trade: Trade | None = None, cancel_id: str = ""
    ) -> None:
        order.update_time = self.now
        self.book.touch(order)
        self._events.append(
            account_events.execution_report(
                order, self.instrument.symbol, execution, self.now, trade, cancel_id
            )
        )

    def _report_list(self, group: OrderList) -> None:
        group.time = self.now
        orders, symbol = self.book.members(group), self.instrument.symbol
        self._events.append(account_events.list_status(group, orders, symbol, self.now))
