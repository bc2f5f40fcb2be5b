"""Order list operations: OCO and OTOCO placed, queried and canceled.

Called by the REST and WebSocket API layers through their table of operations. The exchange saves
and publishes what changed after each returns.
"""

from collections.abc import Callable

from tradinglab_exchange import documents, parameters
from tradinglab_exchange.admission import Admission
from tradinglab_exchange.book import Book
from tradinglab_exchange.documents import Document
from tradinglab_exchange.errors import (
    ApiError,
    missing_parameter,
    order_rejected,
    unknown_order_to_cancel,
)
from tradinglab_exchange.filters import check_oco_prices
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.market_data import check_symbol
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.order_requests import (
    check_leg_sides,
    new_client_id,
    parse_leg,
    parse_side,
    parse_working,
)
from tradinglab_exchange.orders import Contingency, Order, OrderList
from tradinglab_exchange.parameters import Params

Answer = object


class ListTrading:
    """Lists of orders that depend on each other."""

    def __init__(
        self, instrument: Instrument, book: Book, engine: MatchingEngine, admission: Admission
    ) -> None:
        self._instrument, self._book, self._engine = instrument, book, engine
        self._admission = admission

    def new_oco(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        side = parse_side(params, "side")
        quantity = parameters.required_decimal(params, "quantity")
        first, list_id, now = self._book.next_order_id, self._book.next_list_id, self._engine.now
        above = parse_leg(params, "above", first + 1, list_id, side, quantity, now)
        below = parse_leg(params, "below", first, list_id, side, quantity, now)
        check_leg_sides(above, below)
        self._admission.check([below, above])
        check_oco_prices(above, below, self._engine.last)
        self._admission.count(2)
        group = self._new_list(params, Contingency.OCO, [below, above])
        self._engine.submit_oco(group, [below, above])
        return self.document(group)

    def new_otoco(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        side = parse_side(params, "pendingSide")
        quantity = parameters.required_decimal(params, "pendingQuantity")
        first, list_id, now = self._book.next_order_id, self._book.next_list_id, self._engine.now
        working = parse_working(params, first, list_id, now)
        below = parse_leg(params, "pendingBelow", first + 1, list_id, side, quantity, now)
        above = parse_leg(params, "pendingAbove", first + 2, list_id, side, quantity, now)
        check_leg_sides(above, below)
        self._admission.check([working, below, above])
        check_oco_prices(above, below)
        self._admission.count(3)
        group = self._new_list(params, Contingency.OTO, [working, below, above])
        self._engine.submit_oto(group, working, [below, above])
        return self.document(group)

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
        return self.document(group, canceled, cancel_id)

    def _found_list(self, params: Params, name: str | None) -> OrderList | None:
        list_id = parameters.integer(params, "orderListId")
        if list_id is None and not name:
            raise missing_parameter("orderListId")
        if list_id is not None:
            return self._book.lists.get(list_id)
        named = self._lists_named(name or "")
        return named[-1] if named else None

    def document(
        self, group: OrderList, canceled: list[Order] | None = None, cancel_id: str = ""
    ) -> Document:
        symbol, members = self._instrument.symbol, self._book.members(group)
        reports = (
            [documents.order_result(order, symbol) for order in members]
            if canceled is None
            else [documents.canceled_order(order, symbol, cancel_id) for order in canceled]
        )
        return {**documents.order_list(group, members, symbol), "orderReports": reports}
