"""How orders, trades, lists and balances look in REST answers.

Used by the operations. Field names and types are the exchange's.
"""

from collections.abc import Iterable
from decimal import Decimal

from tradinglab.domain.order import Side
from tradinglab.fills.costs import Costs
from tradinglab_exchange.account import Account
from tradinglab_exchange.key_permissions import KeyPermissions
from tradinglab_exchange.money import ZERO, written
from tradinglab_exchange.orders import (
    NOT_WORKING,
    Order,
    OrderList,
    Trade,
)

Document = dict[str, object]
SELF_TRADE_MODE = "EXPIRE_MAKER"


def _core(order: Order, symbol: str) -> Document:
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
    }


def _amounts(order: Order) -> Document:
    return {
        "price": written(order.price),
        "origQty": written(order.quantity),
        "executedQty": written(order.executed),
        "origQuoteOrderQty": written(order.quote_quantity),
        "cummulativeQuoteQty": written(order.executed_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "side": order.side.value,
    }


def queried_order(order: Order, symbol: str) -> Document:
    """As in `GET /api/v3/order`, openOrders and allOrders."""
    return {
        **_core(order, symbol),
        **_amounts(order),
        "stopPrice": written(order.stop_price),
        "icebergQty": written(0),
        "time": order.time,
        "updateTime": order.update_time,
        "isWorking": order.working_time != NOT_WORKING,
        "workingTime": order.working_time,
        "selfTradePreventionMode": SELF_TRADE_MODE,
    }


def acknowledged_order(order: Order, symbol: str) -> Document:
    """newOrderRespType ACK."""
    return {**_core(order, symbol), "transactTime": order.update_time}


def order_result(order: Order, symbol: str) -> Document:
    """newOrderRespType RESULT."""
    stop = {"stopPrice": written(order.stop_price)} if order.type.has_stop else {}
    return {
        **acknowledged_order(order, symbol),
        **_amounts(order),
        **stop,
        "workingTime": order.working_time,
        "selfTradePreventionMode": SELF_TRADE_MODE,
    }


def full_order(order: Order, symbol: str, trades: Iterable[Trade]) -> Document:
    """newOrderRespType FULL."""
    fills = [
        {
            "price": written(trade.price),
            "qty": written(trade.quantity),
            "commission": written(trade.commission),
            "commissionAsset": trade.commission_asset,
            "tradeId": trade.trade_id,
        }
        for trade in trades
    ]
    return {**order_result(order, symbol), "fills": fills}


def canceled_order(order: Order, symbol: str, cancel_id: str) -> Document:
    """As in `DELETE /api/v3/order`."""
    document = order_result(order, symbol)
    del document["workingTime"]
    return {
        "symbol": symbol,
        "origClientOrderId": order.client_order_id,
        **document,
        "clientOrderId": cancel_id,
    }


def my_trade(trade: Trade, symbol: str) -> Document:
    """As in `GET /api/v3/myTrades`."""
    return {
        "symbol": symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.list_id,
        "price": written(trade.price),
        "qty": written(trade.quantity),
        "quoteQty": written(trade.quote),
        "commission": written(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time,
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def order_list(group: OrderList, orders: Iterable[Order], symbol: str) -> Document:
    """As in `GET /api/v3/orderList`."""
    status = "ALL_DONE" if group.done else "EXEC_STARTED"
    return {
        "orderListId": group.list_id,
        "contingencyType": group.contingency.value,
        "listStatusType": status,
        "listOrderStatus": "ALL_DONE" if group.done else "EXECUTING",
        "listClientOrderId": group.client_list_id,
        "transactionTime": group.time,
        "symbol": symbol,
        "orders": [
            {"symbol": symbol, "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in orders
        ],
    }


def account_document(account: Account, maker: Decimal, taker: Decimal) -> Document:
    """As in `GET /api/v3/account`."""
    return {
        "makerCommission": int(maker * 10_000),
        "takerCommission": int(taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": written(maker),
            "taker": written(taker),
            "buyer": written(0),
            "seller": written(0),
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.update_time,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": written(held.free), "locked": written(held.locked)}
            for asset, held in account.items()
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def _commission(maker: Decimal, taker: Decimal) -> Document:
    return {
        "maker": written(maker),
        "taker": written(taker),
        "buyer": written(0),
        "seller": written(0),
    }


def _discount(costs: Costs) -> Document:
    discount = costs.discount
    return {
        "enabledForAccount": discount is not None,
        "enabledForSymbol": discount is not None,
        "discountAsset": discount.asset if discount else "BNB",
        "discount": written(discount.rate if discount else 1),
    }


def commission_rates(costs: Costs, symbol: str) -> Document:
    """As in `GET /api/v3/account/commission`."""
    return {
        "symbol": symbol,
        "standardCommission": _commission(costs.maker_fee, costs.taker_fee),
        "specialCommission": _commission(ZERO, ZERO),
        "taxCommission": _commission(ZERO, ZERO),
        "discount": _discount(costs),
    }


def commission_for_order(costs: Costs) -> Document:
    """As in `POST /api/v3/order/test` with computeCommissionRates."""
    nothing = {"maker": written(0), "taker": written(0)}
    return {
        "standardCommissionForOrder": {
            "maker": written(costs.maker_fee),
            "taker": written(costs.taker_fee),
        },
        "specialCommissionForOrder": dict(nothing),
        "taxCommissionForOrder": dict(nothing),
        "discount": _discount(costs),
    }


def api_restrictions(permissions: KeyPermissions) -> Document:
    """As in `GET /sapi/v1/account/apiRestrictions`."""
    return {
        "ipRestrict": permissions.ip_restricted,
        "createTime": permissions.created,
        "enableReading": True,
        "enableSpotAndMarginTrading": permissions.trading,
        "enableWithdrawals": permissions.withdrawals,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }
