"""Account operations that only read: balances, orders and trades.

Called by the REST and WebSocket API layers through their table of operations. Nothing changes here.
"""

from tradinglab.fills.costs import Costs
from tradinglab_exchange import documents, parameters
from tradinglab_exchange.book import Book
from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.key_permissions import KeyPermissions
from tradinglab_exchange.market_data import check_symbol
from tradinglab_exchange.parameters import Params

Answer = object


class AccountQueries:
    """The account's state, as its owner asks for it."""

    def __init__(
        self, instrument: Instrument, book: Book, costs: Costs, permissions: KeyPermissions
    ) -> None:
        self._instrument, self._book, self._costs = instrument, book, costs
        self._permissions = permissions

    def account(self, params: Params) -> Answer:
        costs = self._costs
        document = documents.account_document(self._book.account, costs.maker_fee, costs.taker_fee)
        if params.get("omitZeroBalances") == "true":
            document["balances"] = [
                {"asset": asset, "free": f"{held.free:.8f}", "locked": f"{held.locked:.8f}"}
                for asset, held in self._book.account.items()
                if held.free or held.locked
            ]
        return document

    def commission(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        return documents.commission_rates(self._costs, self._instrument.symbol)

    def api_restrictions(self, params: Params) -> Answer:
        """What the key may do, as `GET /sapi/v1/account/apiRestrictions` tells."""
        del params
        return documents.api_restrictions(self._permissions)

    def my_trades(self, params: Params) -> Answer:
        check_symbol(params, self._instrument)
        order_id = parameters.integer(params, "orderId")
        from_id = parameters.integer(params, "fromId")
        start = parameters.integer(params, "startTime")
        end = parameters.integer(params, "endTime")
        limit = parameters.limit(params, 500, 1000)
        timed = start is not None or end is not None
        if timed and (from_id is not None or order_id is not None):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
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
