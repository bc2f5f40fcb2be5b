"""One SQLite connection with full durability, and its errors in our terms. Used by Ledger."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tradinglab.adapters.ledger.filesystem import refuse_network_filesystem
from tradinglab.adapters.ledger.schema import migrate
from tradinglab.errors import DataError, HaltTrading, StorageError, TradinglabError

RETRYABLE = ("full", "readonly", "read-only", "unable to open", "disk i/o", "locked", "busy")


def translated(path: Path, error: sqlite3.Error) -> TradinglabError:
    """StorageError when room, rights or a lock are missing; HaltTrading when data is in doubt."""
    text = str(error)
    if isinstance(error, sqlite3.OperationalError) and any(
        word in text.lower() for word in RETRYABLE
    ):
        return StorageError(f"ledger {path}: {text}; nothing was written, no order is sent")
    return HaltTrading(f"ledger {path}: {text}; expected an intact ledger of this program")


def open_database(path: Path) -> sqlite3.Connection:
    """Opens or creates the ledger; checks integrity and brings the tables up to date."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise HaltTrading(f"ledger {path} is damaged: {verdict}; restore it from a backup")
        migrate(connection)
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        raise translated(path, error) from error
    return connection


def prepare_folder(folder: Path) -> None:
    """Makes the ledger's folder; raises ConfigurationError for one on a network."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"ledger folder {folder}: {error.strerror}") from error
    refuse_network_filesystem(folder)


def lock_for_writing(path: Path) -> BinaryIO:
    """Keeps a second bot off the same ledger; the lock ends with the process, however it ends.

    Raises StorageError while another process holds it: a bot being replaced ends soon.
    """
    try:
        handle = path.with_name(path.name + ".lock").open("wb")
    except OSError as error:
        raise StorageError(f"ledger {path}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StorageError(
            f"ledger {path} is in use by another process; expected to be its only writer"
        ) from error
    return handle


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """One consistent look that keeps no writer waiting; for any thread or process.

    Raises DataError when there is no ledger, HaltTrading when it cannot be understood.
    """
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


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing; on return the writes are on the disk. Nested use joins the outer one."""
    if connection.in_transaction:
        yield
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise translated(path, error) from error
