"""Orders, order lists and trades of the one account, and their stored form.

The matching engine is the only writer; documents, user events and the store read them.
"""

from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from tradinglab.domain.order import Side
from tradinglab_exchange.money import ZERO

NO_LIST = -1
NOT_WORKING = -1


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def has_stop(self) -> bool:
        return self.startswith(("STOP_LOSS", "TAKE_PROFIT"))

    @property
    def is_stop_loss(self) -> bool:
        return self.startswith("STOP_LOSS")

    @property
    def has_limit(self) -> bool:
        return self.startswith("LIMIT") or self.endswith("_LIMIT")


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        return self in (OrderStatus.NEW, OrderStatus.PENDING_NEW, OrderStatus.PARTIALLY_FILLED)


class Contingency(StrEnum):
    OCO = "OCO"
    OTO = "OTO"


def _restored(kind: Any, document: dict[str, Any]) -> Any:
    """Builds dataclass `kind` from `document`: strings back to Decimals and enums."""
    made = {}
    for entry in fields(kind):
        if entry.name in document:
            value = document[entry.name]
            made[entry.name] = entry.type(value) if isinstance(entry.type, type) else value
    return kind(**made)


@dataclass(slots=True)
class Order:
    """One order; `price`, `stop_price` and `quote_quantity` are 0 when the type has none."""

    order_id: int
    client_order_id: str
    side: Side
    type: OrderType
    quantity: Decimal
    time: int
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    status: OrderStatus = OrderStatus.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO
    triggered: bool = False
    list_id: int = NO_LIST
    update_time: int = 0
    working_time: int = NOT_WORKING

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def waits_for_stop(self) -> bool:
        return self.type.has_stop and not self.triggered

    @property
    def is_live(self) -> bool:
        """On the book or waiting for its stop, as opposed to pending in a list or done."""
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def triggers_upwards(self) -> bool:
        """A buy stop and a sell take-profit wait above the price, the others below."""
        return (self.side is Side.BUY) == self.type.is_stop_loss

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, document: dict[str, Any]) -> Self:
        return _restored(cls, document)  # type: ignore[no-any-return]


@dataclass(slots=True)
class OrderList:
    """An OCO (two legs) or an OTO (a working order, then the pending legs)."""

    list_id: int
    client_list_id: str
    contingency: Contingency
    order_ids: list[int]
    time: int
    done: bool = False

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, document: dict[str, Any]) -> Self:
        return _restored(cls, document)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of an order of ours."""

    trade_id: int
    order_id: int
    list_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_maker: bool = field(default=False)

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, document: dict[str, Any]) -> Self:
        return _restored(cls, document)  # type: ignore[no-any-return]
