"""Decimal money and quantities: eight places, as the exchange writes them.

Used wherever prices, quantities and commissions are computed or shown.
"""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
_EIGHT_PLACES = Decimal("0.00000001")


def written(value: Decimal | float) -> str:
    """`0.1` as `"0.10000000"`."""
    return f"{value:.8f}"


def exact(value: float) -> Decimal:
    """A bar's price as the decimal number it was recorded as."""
    return Decimal(f"{value:.8f}")


def commission(amount: Decimal, rate: Decimal) -> Decimal:
    return (amount * rate).quantize(_EIGHT_PLACES, rounding=ROUND_HALF_UP)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def truncated(value: Decimal) -> Decimal:
    return value.quantize(_EIGHT_PLACES, rounding=ROUND_DOWN)
