"""Columns that line up, on a terminal and in a pipe alike. Called by the commands that print.

Dates are cut to the minute, absent figures become a dash.
"""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

ABSENT = "–"
PARAGRAPH_WIDTH = 76


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: str = "") -> str:
    """`rows` (the first may be a heading) as lines; the columns in `right` end flush."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def paragraph(label: str, text: str) -> list[tuple[str, str]]:
    """Rows of a label and text that is too long for one line of a terminal."""
    lines = textwrap.wrap(text, PARAGRAPH_WIDTH) or [""]
    return [(label if i == 0 else "", line) for i, line in enumerate(lines)]


def figure(value: float | None, form: str = ".4f") -> str:
    """A metric, or a dash where an artifact does not have it."""
    return ABSENT if value is None else format(value, form)


def setting(value: object) -> str:
    """A hyper-parameter, floats without the tail of their binary form."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def instant(milliseconds: int) -> str:
    """In ISO 8601, for programs."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def minute(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}"


def minute_of(instant: str) -> str:
    """Of an ISO instant; as it stands where it is none."""
    try:
        return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M}"
    except ValueError:
        return instant


def size(byte_count: int) -> str:
    """12 B, 3.4 kB, 5.6 MB."""
    amount, unit = float(byte_count), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
