"""Copies of a ledger while it is written, and their check. Called by the bot's commands.

SQLite's online backup sees one state of the database, whatever is written meanwhile, and needs no
lock that the bot would wait for. A copy may go to a network file system: nobody writes to it.
"""

import os
import sqlite3
from pathlib import Path

from tradinglab.adapters.ledger.database import translated
from tradinglab.errors import DataError, HaltTrading, StorageError


def backup(source: Path, target: Path) -> int:
    """Writes `target` whole or not at all; returns how many decisions the copy holds.

    Raises DataError when there is no ledger, StorageError when the copy cannot be written,
    HaltTrading when the ledger is damaged.
    """
    if not source.exists():
        raise DataError(f"there is no ledger at {source}")
    partial = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        _copy(source, partial)
        decisions = verify(partial)
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())
        partial.replace(target)
    except OSError as error:
        raise StorageError(f"copy {target} of the ledger: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return decisions


def _copy(source: Path, target: Path) -> None:
    try:
        reading = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        writing = sqlite3.connect(target)
        try:
            reading.backup(writing)
            # Alone, without a write-ahead log beside it.
            writing.execute("PRAGMA journal_mode = DELETE")
        finally:
            writing.close()
            reading.close()
    except sqlite3.Error as error:
        raise translated(source, error) from error


def verify(path: Path) -> int:
    """The whole integrity check and the foreign keys; returns how many decisions there are.

    Raises HaltTrading for damage, with the first thing found.
    """
    if not path.exists():
        raise DataError(f"there is no ledger at {path}")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
            decisions = connection.execute("SELECT count(*) FROM decisions").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translated(path, error) from error
    if verdict != "ok":
        raise HaltTrading(f"ledger {path} is damaged: {verdict}; restore it from a backup")
    if orphan is not None:
        raise HaltTrading(f"ledger {path}: a row of {orphan[0]} refers to none of {orphan[2]}")
    return int(decisions)
