"""Turns request parameters into orders, refusing combinations the exchange does not take.

Called by the trading operations. Nothing here looks at balances or the market.
"""

import secrets
from decimal import Decimal
from enum import StrEnum

from tradinglab.domain.order import Side
from tradinglab_exchange.errors import ApiError, missing_parameter
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.orders import Order, OrderType, TimeInForce
from tradinglab_exchange.parameters import (
    Params,
    choice,
    client_id,
    decimal,
    required_decimal,
)


class ResponseType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


def new_client_id() -> str:
    return secrets.token_hex(11)


def response_type(params: Params, default: ResponseType) -> ResponseType:
    if not params.get("newOrderRespType"):
        return default
    refusal = ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return choice(params, "newOrderRespType", ResponseType, refusal)


def parse_side(params: Params, name: str) -> Side:
    return choice(params, name, Side, ApiError(-1117, "Invalid side."))


def _time_in_force(params: Params, name: str, order_type: OrderType) -> TimeInForce:
    needed = order_type.has_limit and order_type is not OrderType.LIMIT_MAKER
    if not needed:
        if params.get(name):
            raise ApiError(-1106, f"Parameter '{name}' sent when not required.")
        return TimeInForce.GTC
    return choice(params, name, TimeInForce, ApiError(-1115, "Invalid timeInForce."))


def _prices(
    params: Params, order_type: OrderType, price_name: str, stop_name: str
) -> tuple[Decimal, Decimal]:
    values = []
    for name, needed in ((price_name, order_type.has_limit), (stop_name, order_type.has_stop)):
        value = decimal(params, name)
        if needed and not value:
            raise missing_parameter(name)
        if value is not None and not needed:
            raise ApiError(-1106, f"Parameter '{name}' sent when not required.")
        values.append(value or ZERO)
    return values[0], values[1]


def parse_order(params: Params, order_id: int, now: int) -> Order:
    """`POST /api/v3/order`. A market order by quote amount has quantity 0 until it is priced."""
    side = parse_side(params, "side")
    order_type = choice(params, "type", OrderType, ApiError(-1116, "Invalid orderType."))
    for unsupported in ("icebergQty", "trailingDelta", "pegPriceType"):
        if params.get(unsupported):
            raise ApiError(-1014, f"Unsupported order combination: {unsupported}.")
    quantity, quote = decimal(params, "quantity"), decimal(params, "quoteOrderQty")
    if quote is not None and order_type is not OrderType.MARKET:
        raise ApiError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    if order_type is OrderType.MARKET and (quantity is None) == (quote is None):
        raise ApiError(
            -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but not both and not neither."
        )
    if quantity is None and quote is None:
        raise missing_parameter("quantity")
    price, stop = _prices(params, order_type, "price", "stopPrice")
    return Order(
        order_id=order_id,
        client_order_id=client_id(params, "newClientOrderId") or new_client_id(),
        side=side,
        type=order_type,
        quantity=quantity or ZERO,
        quote_quantity=quote or ZERO,
        price=price,
        stop_price=stop,
        time_in_force=_time_in_force(params, "timeInForce", order_type),
        time=now,
        update_time=now,
    )


def parse_leg(
    params: Params,
    prefix: str,
    order_id: int,
    list_id: int,
    side: Side,
    quantity: Decimal,
    now: int,
) -> Order:
    """A leg of a list: `above`, `below`, `pendingAbove` or `pendingBelow` before each name."""
    name = prefix + "Type"
    order_type = choice(params, name, OrderType, ApiError(-1116, "Invalid orderType."))
    if order_type in (OrderType.MARKET, OrderType.LIMIT):
        raise ApiError(-1158, "Order type not supported in OCO.")
    price, stop = _prices(params, order_type, prefix + "Price", prefix + "StopPrice")
    return Order(
        order_id=order_id,
        client_order_id=client_id(params, prefix + "ClientOrderId") or new_client_id(),
        side=side,
        type=order_type,
        quantity=quantity,
        price=price,
        stop_price=stop,
        time_in_force=_time_in_force(params, prefix + "TimeInForce", order_type),
        list_id=list_id,
        time=now,
        update_time=now,
    )


def parse_working(params: Params, order_id: int, list_id: int, now: int) -> Order:
    """The first order of an OTO list: a limit order."""
    order_type = choice(params, "workingType", OrderType, ApiError(-1116, "Invalid orderType."))
    if order_type not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        raise ApiError(-1116, "Invalid orderType.")
    return Order(
        order_id=order_id,
        client_order_id=client_id(params, "workingClientOrderId") or new_client_id(),
        side=parse_side(params, "workingSide"),
        type=order_type,
        quantity=required_decimal(params, "workingQuantity"),
        price=required_decimal(params, "workingPrice"),
        time_in_force=_time_in_force(params, "workingTimeInForce", order_type),
        list_id=list_id,
        time=now,
        update_time=now,
    )


def check_leg_sides(above: Order, below: Order) -> None:
    """Which types may lie above and below, as the exchange documents for OCO."""
    if not (above.type.has_stop or below.type.has_stop):
        raise ApiError(-1168, "At least one OCO order must be contingent.")
    selling = above.side is Side.SELL
    stop_leg, profit_leg = (below, above) if selling else (above, below)
    if profit_leg.type.startswith("STOP_LOSS"):
        raise (
            ApiError(-1197, "A stop loss order in a sell OCO must be below.")
            if selling
            else ApiError(-1196, "A stop loss order in a buy OCO must be above.")
        )
    if stop_leg.type.startswith("TAKE_PROFIT"):
        raise (
            ApiError(-1199, "A take profit order in a sell OCO must be above.")
            if selling
            else ApiError(-1198, "A take profit order in a buy OCO must be below.")
        )
    if stop_leg.type is OrderType.LIMIT_MAKER:
        raise (
            ApiError(-1166, "A limit order in a sell OCO must be above.")
            if selling
            else ApiError(-1165, "A limit order in a buy OCO must be below.")
        )
