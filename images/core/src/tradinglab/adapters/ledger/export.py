"""A ledger as CSV files for other programs: every table, and a list of trades for the tax office.

Called by the bot's export command. Money and quantities keep their digits.
"""

import csv
import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradinglab.adapters.ledger.database import reading, translated
from tradinglab.errors import StorageError

TABLES = ("decisions", "equity", "intents", "orders", "fills", "trades", "outbox")
TAX_COLUMNS = (
    "trade",
    "bought_at",
    "sold_at",
    "held_days",
    "quantity",
    "cost_quote",
    "proceeds_quote",
    "profit_quote",
    "closed_by",
)
Rows = list[tuple[Any, ...]]


def export(ledger: Path, folder: Path) -> list[Path]:
    """One file a table and `tax_trades`; from one state of the ledger, whatever is written
    meanwhile. Raises DataError or StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with reading(ledger) as connection:
            contents = {name: _table(connection, name) for name in TABLES}
            contents["tax_trades"] = (TAX_COLUMNS, tax_trades(connection))
        return [
            _write(folder / f"{name}.csv", columns, rows)
            for name, (columns, rows) in contents.items()
        ]
    except sqlite3.Error as error:
        raise translated(ledger, error) from error
    except OSError as error:
        raise StorageError(f"export to {folder}: {error.strerror or error}") from error


def _table(connection: sqlite3.Connection, name: str) -> tuple[Sequence[str], Rows]:
    cursor = connection.execute(f"SELECT * FROM {name}")  # noqa: S608
    rows = [tuple(row) for row in cursor.fetchall()]
    return [column[0] for column in cursor.description], rows


def tax_trades(connection: sqlite3.Connection) -> Rows:
    """One line a closed trade, fees included: cost with what buying cost, proceeds net of what
    selling cost; times in UTC of the first buy and the last sale."""
    rows = connection.execute(
        "SELECT t.*, (SELECT min(f.time) FROM fills f JOIN orders o ON o.client_id = f.client_id "
        "JOIN intents i ON i.id = o.intent_id WHERE o.leg = 'e' AND i.bar_open_time = t.opened_bar)"
        " AS bought FROM trades t ORDER BY t.id"
    ).fetchall()
    return [_tax_trade(row) for row in rows]


def _tax_trade(row: sqlite3.Row) -> tuple[Any, ...]:
    bought = row["bought"] if row["bought"] is not None else row["opened_bar"]
    days = Decimal(row["closed_time"] - bought) / 86_400_000
    return (
        row["id"],
        _instant(bought),
        _instant(row["closed_time"]),
        f"{days:.2f}",
        row["quantity"],
        row["cost_quote"],
        row["proceeds_quote"],
        row["profit"],
        row["exit_leg"],
    )


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _write(path: Path, columns: Sequence[str], rows: Rows) -> Path:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
    partial.replace(path)
    return path
