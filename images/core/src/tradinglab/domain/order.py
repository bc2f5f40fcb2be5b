"""Orders: what we mean to send, what the exchange says of it, what was filled.

Intents are made by the engine, orders sent by a broker adapter, fills recorded by the ledger.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ID_PREFIX = "tl-"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The exchange's order types that are used here."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"


class OrderStatus(StrEnum):
    """The exchange's order statuses."""

    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PENDING_CANCEL = "PENDING_CANCEL"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def is_live(self) -> bool:
        return self in LIVE_STATUSES


LIVE_STATUSES = (
    OrderStatus.NEW,
    OrderStatus.PENDING_NEW,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.PENDING_CANCEL,
)


class Leg(StrEnum):
    """The part an order plays in a trade; its value ends the order's client id."""

    ENTRY = "e"
    TAKE_PROFIT = "t"
    STOP = "s"
    EXIT = "x"

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", "-")


class CancelTarget(StrEnum):
    ENTRY = "entry"
    PROTECTION = "protection"


@dataclass(frozen=True, slots=True)
class EnterIntent:
    """Buy `quantity` at `limit_price`; once filled, `protected_quantity` (what remains after
    fees) rests under a stop and a take-profit of which one cancels the other (OTOCO)."""

    quantity: Decimal
    limit_price: Decimal
    protected_quantity: Decimal
    stop_price: Decimal
    take_profit_price: Decimal


@dataclass(frozen=True, slots=True)
class ProtectIntent:
    """Put `quantity` that is held under a stop and a take-profit (OCO)."""

    quantity: Decimal
    stop_price: Decimal
    take_profit_price: Decimal


@dataclass(frozen=True, slots=True)
class StopIntent:
    """Put `quantity` under a stop alone, in place of what protects it now: one request takes back
    the one and places the other, so that a request that is lost leaves the old stop."""

    quantity: Decimal
    stop_price: Decimal


@dataclass(frozen=True, slots=True)
class ExitIntent:
    """Sell `quantity` now, in place of what protects it (one request, as for StopIntent): at the
    market, or at `limit_price` or better, never resting (IOC)."""

    quantity: Decimal
    limit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class CancelIntent:
    """Take back the resting entry, or the stop and take-profit of the open position."""

    target: CancelTarget


Intent = EnterIntent | ProtectIntent | StopIntent | ExitIntent | CancelIntent


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The exchange's view of one order."""

    client_id: str
    exchange_id: int
    list_client_id: str | None
    side: Side
    type: str
    status: OrderStatus
    quantity: Decimal
    executed_quantity: Decimal
    price: Decimal
    stop_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `commission` is in `commission_asset`; `time` in UTC milliseconds."""

    trade_id: int
    exchange_order_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_maker: bool

    @property
    def quote_quantity(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an order of ours came from: its leg, the decision's bar and the levels it carried."""

    leg: Leg
    bar_open_time: int
    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


def client_id(bar_open_time: int, leg: str, sequence: int = 0) -> str:
    """The id of an order, the same whenever the same decision is made again.

    `sequence` tells apart the orders of one leg within one bar. The exchange accepts at most
    36 characters of letters, digits, `-` and `_`.
    """
    digits = ""
    rest = bar_open_time
    while rest:
        rest, digit = divmod(rest, 36)
        digits = DIGITS[digit] + digits
    return f"{ID_PREFIX}{digits or '0'}-{leg}{sequence or ''}"
