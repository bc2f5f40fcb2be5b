"""The table of operations: method and path, WebSocket API name, weight and who may call it.

Read by the REST and the WebSocket API layers, so that both offer the same.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from tradinglab_exchange.account_queries import AccountQueries
from tradinglab_exchange.list_trading import ListTrading
from tradinglab_exchange.market_data import MarketData
from tradinglab_exchange.parameters import Params
from tradinglab_exchange.trading import Trading
from tradinglab_exchange.weights import Weight, depth, my_trades, one_or_all


class Security(Enum):
    """What a request must prove."""

    NONE = auto()
    SIGNED = auto()
    TRADE = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    """`run` returns the JSON answer, or an awaitable of it; `websocket_name` may be empty.

    `path` lies below /api/v3/ unless it begins with a slash.
    """

    method: str
    path: str
    websocket_name: str
    weight: Weight
    security: Security
    run: Callable[[Params], object]

    @property
    def changes_account(self) -> bool:
        return self.security is Security.TRADE

    async def carried_out(self, params: Params, settle: Callable[[], None]) -> object:
        """The answer; `settle` is called once the account may have changed.

        A refused request may have changed something too: the cancel half of a replacement.
        """
        try:
            answer = self.run(params)
            return await answer if inspect.isawaitable(answer) else answer
        finally:
            if self.changes_account:
                settle()


def operations(
    data: MarketData,
    queries: AccountQueries,
    trading: Trading,
    lists: ListTrading,
    klines: Callable[[Params], object],
) -> list[Operation]:
    """All of them; weights are the exchange's. `klines` answers from here or from upstream."""
    public, signed, trade = Security.NONE, Security.SIGNED, Security.TRADE
    return [
        Operation(*row)
        for row in (
            ("GET", "ping", "ping", 1, public, data.ping),
            ("GET", "time", "time", 1, public, data.time),
            ("GET", "exchangeInfo", "exchangeInfo", 20, public, data.exchange_info),
            ("GET", "klines", "klines", 2, public, klines),
            ("GET", "aggTrades", "trades.aggregate", 4, public, data.aggregate_trades),
            ("GET", "avgPrice", "avgPrice", 2, public, data.average_price),
            ("GET", "depth", "depth", depth, public, data.depth),
            ("GET", "ticker/price", "ticker.price", one_or_all(2, 4), public, data.ticker_price),
            ("GET", "ticker/bookTicker", "ticker.book", one_or_all(2, 4), public, data.book_ticker),
            ("GET", "ticker/24hr", "ticker.24hr", one_or_all(2, 80), public, data.day_ticker),
            ("GET", "trades", "trades.recent", 25, public, data.recent_trades),
            ("GET", "historicalTrades", "trades.historical", 25, public,
             data.historical_trades),
            ("GET", "/sapi/v1/system/status", "", 1, public, data.system_status),
            ("GET", "/sapi/v1/account/apiRestrictions", "", 1, signed,
             queries.api_restrictions),
            ("GET", "account/commission", "account.commission", 20, signed,
             queries.commission),
            ("GET", "account", "account.status", 20, signed, queries.account),
            ("GET", "myTrades", "myTrades", my_trades, signed, queries.my_trades),
            ("POST", "order", "order.place", 1, trade, trading.new_order),
            ("POST", "order/test", "order.test", 1, trade, trading.test_order),
            ("GET", "order", "order.status", 4, signed, trading.query_order),
            ("DELETE", "order", "order.cancel", 1, trade, trading.cancel_order),
            ("POST", "order/cancelReplace", "order.cancelReplace", 1, trade,
             trading.cancel_replace),
            ("GET", "openOrders", "openOrders.status", one_or_all(6, 80), signed,
             queries.open_orders),
            ("DELETE", "openOrders", "openOrders.cancelAll", 1, trade,
             trading.cancel_open_orders),
            ("GET", "allOrders", "allOrders", 20, signed, queries.all_orders),
            ("POST", "orderList/oco", "orderList.place.oco", 1, trade, lists.new_oco),
            ("POST", "orderList/otoco", "orderList.place.otoco", 1, trade, lists.new_otoco),
            ("GET", "orderList", "orderList.status", 4, signed, lists.query_list),
            ("DELETE", "orderList", "orderList.cancel", 1, trade, lists.cancel_list),
            ("GET", "openOrderList", "openOrderLists.status", 6, signed, lists.open_lists),
            ("GET", "allOrderList", "allOrderLists", 20, signed, lists.all_lists),
        )
    ]  # fmt: skip
