"""Operations on single orders: placed, tested, queried, canceled, replaced.

Called by the REST and WebSocket API layers through their table of operations. The exchange saves
and publishes what changed after each returns.
"""

from collections.abc import Callable

from tradinglab.domain.filters import floor_to
from tradinglab_exchange import documents, parameters
from tradinglab_exchange.admission import Admission
from tradinglab_exchange.book import Book
from tradinglab_exchange.documents import Document
from tradinglab_exchange.errors import (
    ApiError,
    filter_failure,
    no_such_order,
    unknown_order_to_cancel,
)
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.list_trading import ListTrading
from tradinglab_exchange.market_data import check_symbol
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.order_requests import (
    ResponseType,
    new_client_id,
    parse_order,
    response_type,
)
from tradinglab_exchange.orders import Order, OrderType
from tradinglab_exchange.parameters import Params

Answer = object


class Trading:
    """Canceling one order of a list cancels the list, so `lists` shows the answer then."""

    def __init__(
        self,
        instrument: Instrument,
        book: Book,
        engine: MatchingEngine,
        admission: Admission,
        lists: ListTrading,
    ) -> None:
        self._instrument, self._book, self._engine = instrument, book, engine
        self._admission, self._lists = admission, lists

    def new_order(self, params: Params) -> Answer:
        order = self._checked_order(params)
        default = (
            ResponseType.FULL
            if order.type in (OrderType.MARKET, OrderType.LIMIT)
            else ResponseType.ACK
        )
        kind = response_type(params, default)
        self._admission.count(1)
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
        if params.get("computeCommissionRates") == "true":
            return documents.commission_for_order(self._engine.costs)
        return {}

    def _checked_order(self, params: Params) -> Order:
        check_symbol(params, self._instrument)
        order = parse_order(params, self._book.next_order_id, self._engine.now)
        if order.quote_quantity:
            price = self._engine.swept_price(order.side)
            order.quantity = floor_to(order.quote_quantity / price, self._instrument.step_size)
            if order.quantity == ZERO:
                raise filter_failure("NOTIONAL")
        self._admission.check([order])
        return order

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
        allowed = params.get("cancelRestrictions", "")
        if allowed and allowed.removeprefix("ONLY_") != order.status:
            raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")
        cancel_id = parameters.client_id(params, "newClientOrderId") or new_client_id()
        canceled = self._engine.cancel(order, cancel_id)
        if len(canceled) > 1:
            return self._lists.document(self._book.lists[order.list_id], canceled, cancel_id)
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
            "cancelRestrictions": params.get("cancelRestrictions", ""),
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
