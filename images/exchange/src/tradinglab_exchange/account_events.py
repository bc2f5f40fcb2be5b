"""The user data events: what becomes of orders, lists and balances, as the account is told.

Made by the matching engine and the exchange. Field names and types are the exchange's.
"""

from collections.abc import Iterable
from decimal import Decimal

from tradinglab_exchange.account import Account
from tradinglab_exchange.documents import SELF_TRADE_MODE, Document
from tradinglab_exchange.money import written
from tradinglab_exchange.orders import NOT_WORKING, Order, OrderList, OrderStatus, Trade


def execution_report(
    order: Order, symbol: str, execution: str, now: int, trade: Trade | None, cancel_id: str = ""
) -> Document:
    """The user data event of one change of an order."""
    rejected = order.status is OrderStatus.REJECTED
    report: Document = {
        "e": "executionReport",
        "E": now,
        "s": symbol,
        "c": cancel_id or order.client_order_id,
        "S": order.side.value,
        "o": order.type.value,
        "f": order.time_in_force.value,
        "q": written(order.quantity),
        "p": written(order.price),
        "P": written(order.stop_price),
        "F": written(0),
        "g": order.list_id,
        "C": order.client_order_id if cancel_id else "",
        "x": execution,
        "X": order.status.value,
        "r": "INSUFFICIENT_BALANCES" if rejected else "NONE",
        "i": order.order_id,
        "l": written(trade.quantity if trade else 0),
        "z": written(order.executed),
        "L": written(trade.price if trade else 0),
        "n": written(trade.commission) if trade else "0",
        "N": trade.commission_asset if trade else None,
        "T": now,
        "t": trade.trade_id if trade else -1,
        "I": 2 * order.order_id,
        "w": order.is_live and not order.waits_for_stop,
        "m": bool(trade and trade.is_maker),
        "M": trade is not None,
        "O": order.time,
        "Z": written(order.executed_quote),
        "Y": written(trade.quote if trade else 0),
        "Q": written(order.quote_quantity),
        "V": SELF_TRADE_MODE,
    }
    if order.working_time != NOT_WORKING:
        report["W"] = order.working_time
    return report


def account_position(account: Account, assets: Iterable[str], now: int) -> Document:
    """The user data event of changed balances."""
    return {
        "e": "outboundAccountPosition",
        "E": now,
        "u": account.update_time,
        "B": [
            {
                "a": asset,
                "f": written(account.balance(asset).free),
                "l": written(account.balance(asset).locked),
            }
            for asset in assets
        ],
    }


def balance_update(asset: str, amount: Decimal, now: int) -> Document:
    """The user data event of a deposit or withdrawal."""
    return {"e": "balanceUpdate", "E": now, "a": asset, "d": written(amount), "T": now}


def list_status(group: OrderList, orders: Iterable[Order], symbol: str, now: int) -> Document:
    """The user data event of an order list that starts or ends."""
    return {
        "e": "listStatus",
        "E": now,
        "s": symbol,
        "g": group.list_id,
        "c": group.contingency.value,
        "l": "ALL_DONE" if group.done else "EXEC_STARTED",
        "L": "ALL_DONE" if group.done else "EXECUTING",
        "r": "NONE",
        "C": group.client_list_id,
        "T": now,
        "O": [{"s": symbol, "i": order.order_id, "c": order.client_order_id} for order in orders],
    }
