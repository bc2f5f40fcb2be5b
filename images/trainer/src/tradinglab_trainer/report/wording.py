"""Numbers, spans and times as people read them.

Called by the modules of this package that put figures into words.
"""

import math
from datetime import UTC, datetime

from tradinglab.domain.market import MILLISECONDS

UNKNOWN = "–"
MINUS, NARROW_SPACE, FIXED_SPACE = "−", "\u202f", "\u00a0"


def _typeset(text: str) -> str:
    return text.replace("-", MINUS).replace(",", NARROW_SPACE)


def decimal(value: float, digits: int, signed: bool = False) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    rounded = round(value, digits) + 0.0  # no minus before a zero
    return _typeset(f"{rounded:{'+' if signed and rounded else ''},.{digits}f}")


def loss(value: float) -> str:
    """A log-loss or QLIKE: four decimals tell what models differ by."""
    return decimal(value, 4)


def gain(value: float) -> str:
    return decimal(value, 4, signed=True)


def percent(value: float, digits: int = 1, signed: bool = False) -> str:
    return (
        UNKNOWN
        if not math.isfinite(value)
        else f"{decimal(100 * value, digits, signed)}{FIXED_SPACE}%"
    )


def fine_percent(value: float) -> str:
    """Of what is small: calibration errors differ in the second digit."""
    return percent(value, 2)


def signed_percent(value: float) -> str:
    return percent(value, signed=True)


def ratio(value: float) -> str:
    return decimal(value, 2, signed=True)


def count(value: float) -> str:
    return decimal(value, 0)


def scientific(value: float) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    superscript = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{_typeset(mantissa)} × 10{superscript}".replace(" ", FIXED_SPACE)


def plain(value: float) -> str:
    """A figure of which nothing is known: four significant digits, or a whole number."""
    if not math.isfinite(value):
        return UNKNOWN
    if value and abs(value) < 1e-4:
        return scientific(value)
    if abs(value) >= 1000:
        return decimal(value, 0)
    return _typeset(f"{value:,.4g}")


def day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")


def minute(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def span(milliseconds: int) -> str:
    """The length of a stretch in its two largest units."""
    left, parts = milliseconds, []
    for unit, word in (("d", "d"), ("h", "h"), ("m", "min")):
        whole, left = divmod(left, MILLISECONDS[unit])
        if whole:
            parts.append(f"{whole} {word}")
    return " ".join(parts[:2]) or "0 min"


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
