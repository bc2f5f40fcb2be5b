"""A ledger opened for reading only, in one state, beside the bot that writes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradinglab.adapters.ledger.database import translated
from tradinglab.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Raises DataError when there is no ledger, HaltTrading when it cannot be understood."""
    if not path.exists():
        raise DataError(f"there is no ledger at {path}")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translated(path, error) from error
