"""One symbol of a Binance spot account, through ccxt. Used by the bot.

Entries are OTOCO lists, protection OCO lists, exits single orders; all carry our client ids.
Source: Binance spot API documentation, "Trading endpoints".
"""

from decimal import Decimal
from typing import Any

from tradinglab.adapters.binance import documents
from tradinglab.adapters.binance.client import Caller, error_code
from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.market import Market
from tradinglab.domain.order import (
    EnterIntent,
    ExitIntent,
    Fill,
    OrderReport,
    ProtectIntent,
    Side,
    StopIntent,
)
from tradinglab.errors import OrderRejected
from tradinglab.ports.broker import Account, OrderIds

PAGE = 1_000
GONE = frozenset({-2011, -2013, -2018})


def plain(value: Decimal) -> str:
    """Digits without an exponent, as the exchange demands."""
    return f"{value.normalize():f}"


class BinanceBroker:
    """Stops are STOP_LOSS orders: market orders once triggered, the only ones sure to sell."""

    def __init__(self, caller: Caller, market: Market) -> None:
        self._call = caller
        self._symbol = market.exchange_symbol
        self._quote = market.quote

    async def rules(self) -> SymbolRules:
        document = await self._call("publicGetExchangeInfo", {"symbol": self._symbol})
        return documents.symbol_rules(document, self._symbol)

    async def account(self) -> Account:
        return documents.account(await self._call("privateGetAccount", {}))

    async def enter(self, intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        return await self._place_list(
            "privatePostOrderListOtoco",
            {
                "listClientOrderId": ids.order_list,
                "workingType": "LIMIT",
                "workingSide": Side.BUY.value,
                "workingTimeInForce": "GTC",
                "workingClientOrderId": ids.order,
                "workingPrice": plain(intent.limit_price),
                "workingQuantity": plain(intent.quantity),
                "pendingSide": Side.SELL.value,
                "pendingQuantity": plain(intent.protected_quantity),
                **_legs("pendingAbove", "pendingBelow", intent, ids),
            },
        )

    async def protect(self, intent: ProtectIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        return await self._place_list(
            "privatePostOrderListOco",
            {
                "listClientOrderId": ids.order_list,
                "side": Side.SELL.value,
                "quantity": plain(intent.quantity),
                **_legs("above", "below", intent, ids),
            },
        )

    async def _place_list(self, method: str, params: dict[str, str]) -> tuple[OrderReport, ...]:
        params = {"symbol": self._symbol, "newOrderRespType": "RESULT", **params}
        return documents.list_reports(await self._call(method, params, changes=True))

    async def stop(
        self, intent: StopIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        params = self._sale(intent.quantity, ids)
        params |= {"type": "STOP_LOSS", "stopPrice": plain(intent.stop_price)}
        return await self._place(params, replaced)

    async def exit(
        self, intent: ExitIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        params = self._sale(intent.quantity, ids)
        if intent.limit_price is None:
            params["type"] = "MARKET"
        else:
            limit = {"type": "LIMIT", "timeInForce": "IOC", "price": plain(intent.limit_price)}
            params.update(limit)
        return await self._place(params, replaced)

    def _sale(self, quantity: Decimal, ids: OrderIds) -> dict[str, Any]:
        return {
            "symbol": self._symbol,
            "side": Side.SELL.value,
            "quantity": plain(quantity),
            "newClientOrderId": ids.order,
            "newOrderRespType": "RESULT",
        }

    async def _place(
        self, params: dict[str, Any], replaced: OrderReport | None
    ) -> tuple[OrderReport, ...]:
        """A cancelled leg takes its whole list with it, in a replacement too."""
        if replaced is None:
            row = await self._call("privatePostOrder", params, changes=True)
        else:
            params = {
                **params,
                "cancelReplaceMode": "STOP_ON_FAILURE",
                "cancelOrderId": replaced.exchange_id,
            }
            answer = await self._call("privatePostOrderCancelReplace", params, changes=True)
            row = answer["newOrderResponse"]
        return (documents.order_report(row),)

    async def cancel(self, order: OrderReport) -> None:
        """A cancelled leg takes its whole list with it."""
        params = {"symbol": self._symbol, "orderId": order.exchange_id}
        try:
            await self._call("privateDeleteOrder", params, changes=True)
        except OrderRejected as error:
            if error_code(error) not in GONE:
                raise

    async def find_order(self, client_id: str) -> OrderReport | None:
        return await self._find({"origClientOrderId": client_id})

    async def find_order_number(self, exchange_id: int) -> OrderReport | None:
        return await self._find({"orderId": exchange_id})

    async def _find(self, named: dict[str, Any]) -> OrderReport | None:
        params = {"symbol": self._symbol, **named}
        try:
            return documents.order_report(await self._call("privateGetOrder", params))
        except OrderRejected as error:
            if error_code(error) not in GONE:
                raise
            return None

    async def open_orders(self) -> tuple[OrderReport, ...]:
        rows = await self._call("privateGetOpenOrders", {"symbol": self._symbol})
        return tuple(documents.order_report(row) for row in rows)

    async def fills_after(self, trade_id: int) -> tuple[Fill, ...]:
        found: list[Fill] = []
        while True:
            page = await self._trades({"fromId": trade_id + 1, "limit": PAGE})
            found += page
            if len(page) < PAGE:
                return tuple(found)
            trade_id = page[-1].trade_id

    async def value_of(self, asset: str) -> Decimal | None:
        try:
            row = await self._call("publicGetTickerPrice", {"symbol": f"{asset}{self._quote}"})
        except OrderRejected:
            return None
        return Decimal(row["price"])

    async def newest_trade_id(self) -> int:
        newest = await self._trades({"limit": 1})
        return newest[-1].trade_id if newest else -1

    async def _trades(self, params: dict[str, Any]) -> list[Fill]:
        rows = await self._call("privateGetMyTrades", {"symbol": self._symbol, **params})
        return [documents.fill(row) for row in rows]


def _legs(
    above: str, below: str, intent: EnterIntent | ProtectIntent, ids: OrderIds
) -> dict[str, str]:
    """The take-profit rests as a maker order; the stop sells at the market once triggered."""
    return {
        f"{above}Type": "LIMIT_MAKER",
        f"{above}Price": plain(intent.take_profit_price),
        f"{above}ClientOrderId": ids.take_profit,
        f"{below}Type": "STOP_LOSS",
        f"{below}StopPrice": plain(intent.stop_price),
        f"{below}ClientOrderId": ids.stop,
    }
