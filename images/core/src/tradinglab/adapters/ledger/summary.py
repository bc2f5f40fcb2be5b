"""What a ledger adds up to. Called by the bot's daily alert and by who reports on a run.

Reads without locking out the bot that writes; needs nothing beyond the standard library.
"""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tradinglab.adapters.ledger.database import reading

EVERYTHING = (0, 2**62)


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """Over all bars, or those that opened within [from, to).

    `first_close` and `last_close` are the market's at the first and last bar decided: holding
    the coin from first to last would have returned their ratio. None where there is nothing.
    """

    bars_decided: int
    forecasts: int
    decisions_by_reason: dict[str, int]
    digests: tuple[str, ...]
    orders: int
    entries: int
    fills: int
    trades: int
    trades_won: int
    profit: Decimal
    first_bar: int | None
    last_bar: int | None
    first_equity: Decimal | None
    last_equity: Decimal | None
    first_close: float | None
    last_close: float | None
    alerts_sent: int
    alerts_waiting: int


def read_summary(path: Path, bars: tuple[int, int] = EVERYTHING) -> LedgerSummary:
    """Raises DataError when there is no ledger, HaltTrading when it cannot be understood."""
    with reading(path) as connection:
        return _summarise(connection, bars)


def _summarise(connection: sqlite3.Connection, bars: tuple[int, int]) -> LedgerSummary:
    def number(statement: str, values: tuple[int, ...] = ()) -> int:
        return int(connection.execute(statement, values).fetchone()[0] or 0)

    within = "bar_open_time >= ? AND bar_open_time < ?"
    reasons = connection.execute(
        f"SELECT reason, count(*) FROM decisions WHERE {within} "  # noqa: S608
        "GROUP BY reason ORDER BY count(*) DESC, reason",
        bars,
    )
    digests = connection.execute(
        f"SELECT digest, min(bar_open_time) FROM decisions WHERE {within} "  # noqa: S608
        "GROUP BY digest ORDER BY 2",
        bars,
    )
    end = f"SELECT * FROM decisions JOIN equity USING (bar_open_time) WHERE {within} ORDER BY "  # noqa: S608
    first = connection.execute(end + "bar_open_time ASC LIMIT 1", bars).fetchone()
    last = connection.execute(end + "bar_open_time DESC LIMIT 1", bars).fetchone()
    profits = [
        Decimal(row["profit"])
        for row in connection.execute(
            "SELECT profit FROM trades WHERE closed_time >= ? AND closed_time < ?", bars
        )
    ]
    of_bars = f"SELECT id FROM intents WHERE {within}"  # noqa: S608
    return LedgerSummary(
        bars_decided=number(f"SELECT count(*) FROM decisions WHERE {within}", bars),  # noqa: S608
        forecasts=number(
            f"SELECT count(*) FROM decisions WHERE {within} AND forecast IS NOT NULL",  # noqa: S608
            bars,
        ),
        decisions_by_reason={row[0]: row[1] for row in reasons},
        digests=tuple(row[0] for row in digests),
        orders=number(f"SELECT count(*) FROM orders WHERE intent_id IN ({of_bars})", bars),  # noqa: S608
        entries=number(
            f"SELECT count(*) FROM orders WHERE leg = 'e' AND intent_id IN ({of_bars})",  # noqa: S608
            bars,
        ),
        fills=number(
            "SELECT count(*) FROM fills WHERE client_id IS NOT NULL AND time >= ? AND time < ?",
            bars,
        ),
        trades=len(profits),
        trades_won=sum(profit > 0 for profit in profits),
        profit=sum(profits, Decimal(0)),
        first_bar=None if first is None else first["bar_open_time"],
        last_bar=None if last is None else last["bar_open_time"],
        first_equity=None if first is None else Decimal(first["equity"]),
        last_equity=None if last is None else Decimal(last["equity"]),
        first_close=None if first is None else first["close"],
        last_close=None if last is None else last["close"],
        alerts_sent=number("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL"),
        alerts_waiting=number("SELECT count(*) FROM outbox WHERE sent_at IS NULL"),
    )
