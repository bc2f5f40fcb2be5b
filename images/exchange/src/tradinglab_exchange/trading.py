"""Trading operations: orders, lists, balances and trades of the account.

Called by the REST and WebSocket API layers through their tables of operations. Each one leaves
what changed in the book and the engine; the exchange saves and publishes after it returns.
"""

from collections.abc import Callable

from tradinglab_exchange import documents, parameters
from tradinglab_exchange.book import Book
from tradinglab_exchange.documents import Document
from tradinglab_exchange.errors import (
    ApiError,
    filter_failure,
    missing_parameter,
    no_such_order,
    order_rejected,
    unknown_order_to_cancel,
)
from tradinglab_exchange.filters import check_counts, check_oco_prices, check_order
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.market_data import check_symbol
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import ZERO, floor_to
from tradinglab_exchange.order_requests import (
    ResponseType,
    check_leg_sides,
    new_client_id,
    parse_leg,
    parse_order,
    parse_side,
    parse_working,
    response_type,
)
from tradinglab_exchange.orders import Contingency, Order, OrderList, OrderType, Side
from tradinglab_exchange.parameters import Params

Answer = object
Count = Callable[[int], None]


class Trading:
    """`count_orders` enforces the limit on new orders."""

    def __init__(
        self, instrument: Instrument, book: Book, engine: MatchingEngine, count_orders: Count
    ) -> None:
        self._instrument, self._book, self._engine = instrument, book, engine
        self._count_orders = count_orders

    # Account

    def account(self, params: Params) -> Answer:
        costs = self._engine.costs
        document = documents.account_document(self._book.account, costs.maker_fee, costs.taker_fee)
        if params.get("omitZeroBalances") == "true":
            document["balances"] = [
                {"asset": asset, "free": f"{held.free:.8f}", "locked": f"{held.locked:.8f}"}
                for asset, held in self._book.account.items()
                if held.free or held.locked
            ]
        return document

    def my_trades(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        order_id = parameters.integer(params, "orderId")
        from_id = parameters.integer(params, "fromId")
        start = parameters.integer(params, "startTime")
        end = parameters.integer(params, "endTime")
        limit = parameters.limit(params, 500, 1000)
        found = [
            trade
            for trade in self._book.trades
            if (order_id is None or trade.order_id == order_id)
            and (from_id is None or trade.trade_id >= from_id)
            and (start is None or trade.time >= start)
            and (end is None or trade.time <= end)
        ]
        chosen = found[:limit] if from_id is not None or start is not None else found[-limit:]
        return [documents.my_trade(trade, self._instrument.symbol) for trade in chosen]

    # Single orders

    def new_order(self, params: Params) -> Answer:
        order = self._checked_order(params)
        default = (
            ResponseType.FULL
            if order.type in (OrderType.MARKET, OrderType.LIMIT)
            else ResponseType.ACK
        )
        kind = response_type(params, default)
        self._count_orders(1)
        self._engine.submit(order)
        symbol = self._instrument.symbol
        if kind is ResponseType.ACK:
            return documents.acknowledged_order(order, symbol)
        if kind is ResponseType.RESULT:
            return documents.order_result(order, symbol)
        return documents.full_order(order, symbol, self._book.trades_of(order))

    def test_order(self, params: Params) -> Answer:
        """Checks as for a real one; nothing is placed."""
        self._checked_order(params)
        return {}

    def _checked_order(self, params: Params) -> Order:
        check_symbol(params, self._instrument)
        order = parse_order(params, self._book.next_order_id, self._engine.now)
        if order.quote_quantity:
            price = self._engine.ask if order.side is Side.BUY else self._engine.bid
            order.quantity = floor_to(order.quote_quantity / price, self._instrument.step_size)
            if order.quantity == ZERO:
                raise filter_failure("NOTIONAL")
        self._check([order])
        return order

    def _check(self, orders: list[Order]) -> None:
        names = [order.client_order_id for order in orders]
        if len(set(names)) < len(names) or any(map(self._book.open_by_client_id, names)):
            raise order_rejected("Duplicate order sent.")
        for order in orders:
            check_order(order, self._instrument, self._engine.last)
        check_counts(orders, self._book, self._instrument)

    def query_order(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        return documents.queried_order(self._found(params), self._instrument.symbol)

    def _found(self, params: Params) -> Order:
        order_id = parameters.integer(params, "orderId")
        name = params.get("origClientOrderId")
        if order_id is None and not name:
            raise ApiError(
                -1102,
                "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
            )
        if order_id is not None:
            order = self._book.orders.get(order_id)
            if order is not None and name and order.client_order_id != name:
                order = None
        else:
            order = self._book.latest_by_client_id(name or "")
        if order is None:
            raise no_such_order()
        return order

    def cancel_order(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        order = self._open_order(params)
        cancel_id = parameters.client_id(params, "newClientOrderId") or new_client_id()
        canceled = self._engine.cancel(order, cancel_id)
        if len(canceled) > 1:
            return self._list_document(self._book.lists[order.list_id], canceled, cancel_id)
        return documents.canceled_order(order, self._instrument.symbol, cancel_id)

    def _open_order(self, params: Params) -> Order:
        try:
            order = self._found(params)
        except ApiError as error:
            raise unknown_order_to_cancel() if error.code == -2013 else error from None
        if not order.status.is_open:
            raise unknown_order_to_cancel()
        return order

    def cancel_open_orders(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        if not self._book.open:
            raise unknown_order_to_cancel()
        answers: list[Document] = []
        for order in list(self._book.open.values()):
            if order.status.is_open:
                cancel_id = new_client_id()
                canceled = self._engine.cancel(order, cancel_id)
                answers += [
                    documents.canceled_order(one, self._instrument.symbol, cancel_id)
                    for one in canceled
                ]
        return answers

    def cancel_replace(self, params: Params) -> Answer:
        """Cancels one order and places another; the answer tells how far it came."""
        check_symbol(params, self._instrument)
        stop_on_failure = parameters.required(params, "cancelReplaceMode") == "STOP_ON_FAILURE"
        wanted = {
            "orderId": params.get("cancelOrderId", ""),
            "origClientOrderId": params.get("cancelOrigClientOrderId", ""),
            "newClientOrderId": params.get("cancelNewClientOrderId", ""),
            "symbol": self._instrument.symbol,
        }
        given = {name: value for name, value in wanted.items() if value}
        cancel, cancel_failed = _attempt(self.cancel_order, given)
        if cancel_failed and stop_on_failure:
            placed, placing, failed = None, "NOT_ATTEMPTED", True
        else:
            placed, failed = _attempt(self.new_order, params)
            placing = "FAILURE" if failed else "SUCCESS"
        document: Document = {
            "cancelResult": "FAILURE" if cancel_failed else "SUCCESS",
            "newOrderResult": placing,
            "cancelResponse": cancel,
            "newOrderResponse": placed,
        }
        if cancel_failed and failed:
            raise _CancelReplaceFailed(-2022, "Order cancel-replace failed.", document, 400)
        if cancel_failed or failed:
            raise _CancelReplaceFailed(
                -2021, "Order cancel-replace partially failed.", document, 409
            )
        return document

    def open_orders(self, params: Params) -> Answer:
        if params.get("symbol"):
            check_symbol(params, self._instrument)
        symbol = self._instrument.symbol
        return [documents.queried_order(order, symbol) for order in self._book.open.values()]

    def all_orders(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        order_id = parameters.integer(params, "orderId")
        start = parameters.integer(params, "startTime")
        end = parameters.integer(params, "endTime")
        limit = parameters.limit(params, 500, 1000)
        found = [
            order
            for order in self._book.orders.values()
            if (order_id is None or order.order_id >= order_id)
            and (start is None or order.time >= start)
            and (end is None or order.time <= end)
        ]
        chosen = found[:limit] if order_id is not None or start is not None else found[-limit:]
        return [documents.queried_order(order, self._instrument.symbol) for order in chosen]

    # Order lists

    def new_oco(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        side = parse_side(params, "side")
        quantity = parameters.required_decimal(params, "quantity")
        first, list_id, now = self._book.next_order_id, self._book.next_list_id, self._engine.now
        above = parse_leg(params, "above", first + 1, list_id, side, quantity, now)
        below = parse_leg(params, "below", first, list_id, side, quantity, now)
        check_leg_sides(above, below)
        self._check([below, above])
        check_oco_prices(above, below, self._engine.last)
        self._count_orders(2)
        group = self._new_list(params, Contingency.OCO, [below, above])
        self._engine.submit_oco(group, [below, above])
        return self._list_document(group)

    def new_otoco(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        side = parse_side(params, "pendingSide")
        quantity = parameters.required_decimal(params, "pendingQuantity")
        first, list_id, now = self._book.next_order_id, self._book.next_list_id, self._engine.now
        working = parse_working(params, first, list_id, now)
        below = parse_leg(params, "pendingBelow", first + 1, list_id, side, quantity, now)
        above = parse_leg(params, "pendingAbove", first + 2, list_id, side, quantity, now)
        check_leg_sides(above, below)
        self._check([working, below, above])
        check_oco_prices(above, below)
        self._count_orders(3)
        group = self._new_list(params, Contingency.OTO, [working, below, above])
        self._engine.submit_oto(group, working, [below, above])
        return self._list_document(group)

    def _new_list(self, params: Params, contingency: Contingency, orders: list[Order]) -> OrderList:
        name = parameters.client_id(params, "listClientOrderId") or new_client_id()
        if any(not group.done for group in self._lists_named(name)):
            raise order_rejected("Duplicate order sent.")
        return OrderList(
            list_id=orders[0].list_id,
            client_list_id=name,
            contingency=contingency,
            order_ids=[order.order_id for order in orders],
            time=self._engine.now,
        )

    def _lists_named(self, name: str) -> list[OrderList]:
        return [group for group in self._book.lists.values() if group.client_list_id == name]

    def query_list(self, params: Params) -> Answer:
        name = params.get("origClientOrderId") or params.get("listClientOrderId")
        group = self._found_list(params, name)
        if group is None:
            raise ApiError(-2018, "Order list does not exist.")
        return documents.order_list(group, self._book.members(group), self._instrument.symbol)

    def open_lists(self, params: Params) -> Answer:
        del params
        return self._list_rows(lambda group: not group.done)

    def all_lists(self, params: Params) -> Answer:
        return self._list_rows(lambda _: True)[-parameters.limit(params, 500, 1000) :]

    def _list_rows(self, wanted: Callable[[OrderList], bool]) -> list[Document]:
        symbol = self._instrument.symbol
        return [
            documents.order_list(group, self._book.members(group), symbol)
            for group in self._book.lists.values()
            if wanted(group)
        ]

    def cancel_list(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        group = self._found_list(params, params.get("listClientOrderId"))
        open_members = (
            [] if group is None else [o for o in self._book.members(group) if o.status.is_open]
        )
        if group is None or not open_members:
            raise unknown_order_to_cancel()
        cancel_id = parameters.client_id(params, "newClientOrderId") or new_client_id()
        canceled = self._engine.cancel(open_members[0], cancel_id)
        return self._list_document(group, canceled, cancel_id)

    def _found_list(self, params: Params, name: str | None) -> OrderList | None:
        list_id = parameters.integer(params, "orderListId")
        if list_id is None and not name:
            raise missing_parameter("orderListId")
        if list_id is not None:
            return self._book.lists.get(list_id)
        named = self._lists_named(name or "")
        return named[-1] if named else None

    def _list_document(
        self, group: OrderList, canceled: list[Order] | None = None, cancel_id: str = ""
    ) -> Document:
        symbol, members = self._instrument.symbol, self._book.members(group)
        reports = (
            [documents.order_result(order, symbol) for order in members]
            if canceled is None
            else [documents.canceled_order(order, symbol, cancel_id) for order in canceled]
        )
        return {**documents.order_list(group, members, symbol), "orderReports": reports}


class _CancelReplaceFailed(ApiError):
    """Carries what became of both halves."""

    def __init__(self, code: int, message: str, data: Document, status: int) -> None:
        super().__init__(code, message, status)
        self._data = data

    def document(self) -> Document:
        return {**super().document(), "data": self._data}


def _attempt(operation: Callable[[Params], Answer], params: Params) -> tuple[Answer, bool]:
    try:
        return operation(params), False
    except ApiError as error:
        return error.document(), True
