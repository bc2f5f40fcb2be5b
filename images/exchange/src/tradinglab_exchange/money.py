"""Decimal money and quantities: eight places, as the exchange writes them.

Used wherever prices and quantities are computed or shown.
"""

from decimal import Decimal

ZERO = Decimal(0)


def written(value: Decimal | float) -> str:
    """`0.1` as `"0.10000000"`."""
    return f"{value:.8f}"


def exact(value: float) -> Decimal:
    """A bar's price as the decimal number it was recorded as."""
    return Decimal(f"{value:.8f}")
