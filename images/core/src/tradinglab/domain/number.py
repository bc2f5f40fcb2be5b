"""Floats as decimals. Used wherever a price that was computed becomes one that is sent."""

from decimal import Decimal


def decimal_of(value: float) -> Decimal:
    """The shortest decimal that reads back as the same float."""
    return Decimal(repr(value))
