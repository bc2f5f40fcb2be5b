"""The exchange's memory on disk: one SQLite file of account, orders, trades and market position.

Opened by the entry point, written after every operation and tick that changed something. A
process killed at any point finds on restart what its last answered request left.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from tradinglab.errors import ConfigurationError, StorageError
from tradinglab_exchange.account import Account, Balance
from tradinglab_exchange.book import Book, Changes
from tradinglab_exchange.orders import Order, OrderList, Trade

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS balances (asset TEXT PRIMARY KEY, free TEXT NOT NULL, locked TEXT
    NOT NULL);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lists (id INTEGER PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trades (id INTEGER PRIMARY KEY, document TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the market went: live bars closed and ticks of the bar after them, when played;
    the open time of the last closed bar, when mirrored."""

    bars: int = 0
    ticks: int = 0
    seen: int = 0


class Store:
    """`file` None keeps everything in memory."""

    def __init__(self, file: Path | None) -> None:
        self._name = str(file) if file else "memory"
        with self._guarded():
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                file or ":memory:", isolation_level=None, check_same_thread=False
            )
            # WAL with NORMAL loses nothing when the process dies, only when the machine does.
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_TABLES)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StorageError(f"state file {self._name}: {error}") from error
        except OSError as error:
            raise StorageError(f"state file {self._name}: {error.strerror}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def claim(self, identity: dict[str, object]) -> None:
        """Binds the file to one market; raises ConfigurationError if it is bound to another."""
        with self._guarded():
            row = self._database.execute(
                "SELECT value FROM meta WHERE name = 'identity'"
            ).fetchone()
        if row is None:
            with self._transaction() as database:
                database.execute("INSERT INTO meta VALUES ('identity', ?)", (json.dumps(identity),))
            return
        stored = json.loads(row[0])
        for name in sorted({*stored, *identity}):
            if stored.get(name) != identity.get(name):
                raise ConfigurationError(
                    f"state file {self._name} belongs to a market with {name} "
                    f"{stored.get(name)!r}, but {name} is {identity.get(name)!r} now: use another "
                    f"file or the old setting"
                )

    def load_book(self, initial: dict[str, Decimal]) -> Book:
        """The stored account, or a new one with the balances of `initial`."""
        with self._guarded():
            balances = {
                asset: Balance(Decimal(free), Decimal(locked))
                for asset, free, locked in self._database.execute("SELECT * FROM balances")
            }
            orders = [Order.restored(document) for document in self._documents("orders")]
            lists = [OrderList.restored(document) for document in self._documents("lists")]
            trades = [Trade.restored(document) for document in self._documents("trades")]
        if not balances:
            balances = {asset: Balance(amount) for asset, amount in initial.items()}
            with self._transaction() as database:
                for asset, held in balances.items():
                    _put_balance(database, asset, held)
        book = Book(Account(balances))
        book.load(orders, lists, trades)
        return book

    def _documents(self, table: str) -> list[dict[str, object]]:
        # Table names are this module's own, never from outside.
        rows = self._database.execute(
            f"SELECT document FROM {table} ORDER BY id"  # noqa: S608
        )
        return [json.loads(row[0]) for row in rows]

    def load_position(self) -> Position:
        with self._guarded():
            row = self._database.execute(
                "SELECT value FROM meta WHERE name = 'position'"
            ).fetchone()
        return Position(**json.loads(row[0])) if row else Position()

    def save(self, changes: Changes, account: Account, position: Position | None = None) -> None:
        """One transaction; raises StorageError when the disk refuses."""
        with self._transaction() as database:
            for table, rows in (
                ("orders", [(order.order_id, order.stored()) for order in changes.orders]),
                ("lists", [(group.list_id, group.stored()) for group in changes.lists]),
                ("trades", [(trade.trade_id, trade.stored()) for trade in changes.trades]),
            ):
                database.executemany(
                    f"INSERT OR REPLACE INTO {table} VALUES (?, ?)",  # noqa: S608
                    [(key, json.dumps(document, default=str)) for key, document in rows],
                )
            for asset in changes.assets:
                _put_balance(database, asset, account.balance(asset))
            if position is not None:
                database.execute(
                    "INSERT OR REPLACE INTO meta VALUES ('position', ?)",
                    (json.dumps(asdict(position)),),
                )

    def close(self) -> None:
        self._database.close()


def _put_balance(database: sqlite3.Connection, asset: str, held: Balance) -> None:
    database.execute(
        "INSERT OR REPLACE INTO balances VALUES (?, ?, ?)",
        (asset, str(held.free), str(held.locked)),
    )
