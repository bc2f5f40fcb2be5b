"""Which price on the way from one traded price to the next executes an order.

Called by the simulator's matching engine for each tick of a bar. A limit fills only when the
price trades through it; a stop triggers on touch, over a gap at the first price after it; when a
stop and the profit leg beside it both lie inside a bar, the stop wins.
"""

from dataclasses import dataclass
from decimal import Decimal

from tradinglab.domain.order import Side


@dataclass(frozen=True, slots=True)
class Ahead:
    """The extremes that the bar in progress has still to trade."""

    low: Decimal
    high: Decimal

    def holds(self, price: Decimal) -> bool:
        return self.low <= price <= self.high


def path(opened: float, high: float, low: float, close: float) -> tuple[float, ...]:
    """The order in which a bar's prices are traded: the far extreme from the close first."""
    return (opened, low, high, close) if close >= opened else (opened, high, low, close)


def limit_level(side: Side, limit: Decimal, last: Decimal, target: Decimal) -> Decimal | None:
    """Where a resting limit order fills on the way; None unless the price goes beyond it."""
    if side is Side.BUY:
        return min(limit, last) if min(last, target) < limit else None
    return max(limit, last) if max(last, target) > limit else None


def stop_level(upwards: bool, stop: Decimal, last: Decimal, target: Decimal) -> Decimal | None:
    """Where a waiting stop triggers on the way; `upwards`: it waits above the price."""
    if upwards:
        return max(stop, last) if target >= stop else None
    return min(stop, last) if target <= stop else None


def is_touched(upwards: bool, stop: Decimal, last: Decimal) -> bool:
    return last >= stop if upwards else last <= stop


def is_marketable(side: Side, limit: Decimal, bid: Decimal, ask: Decimal) -> bool:
    """Whether a limit order would take at once."""
    return limit >= ask if side is Side.BUY else limit <= bid
