"""Bars on the shared volume: one SQLite file per market, one writer, safe to kill at any write.

The trainer writes and reads it. A rollback journal, not WAL: the volume may be a network share.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from tradinglab.adapters.bars_file import ROW, columns
from tradinglab.adapters.bars_frame import bars_frame
from tradinglab.artifact.manifest import DataRange
from tradinglab.artifact.store import translated_os_errors
from tradinglab.domain.bar import Bar
from tradinglab.domain.market import Market
from tradinglab.errors import DataError, StorageError
from tradinglab.features.columns import BAR_COLUMNS
from tradinglab.features.examination import examine
from tradinglab.features.verification import first_problem

SCHEMA = """
CREATE TABLE IF NOT EXISTS bars (
    open_time INTEGER PRIMARY KEY,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS covered (
    one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER NOT NULL, last INTEGER NOT NULL
) STRICT;
"""


class BarsStore:
    """The stored bars of one market, keyed by open time (UTC milliseconds)."""

    def __init__(self, directory: Path, market: Market) -> None:
        name = f"{market.exchange}-{market.exchange_symbol}-{market.timeframe}.db"
        self.path = directory / name
        self._market = market
        with translated_os_errors(f"opening {self.path}"):
            directory.mkdir(parents=True, exist_ok=True)
        with self._translated():
            self._connection = sqlite3.connect(self.path)
            self._connection.executescript(SCHEMA)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"bars in {self.path}: {error}") from error

    def close(self) -> None:
        self._connection.close()

    def covered(self) -> tuple[int, int] | None:
        """The open times between which everything the exchange has is stored; None at first."""
        with self._translated():
            row = self._connection.execute("SELECT first, last FROM covered").fetchone()
        return None if row is None else (row[0], row[1])

    def append(self, bars: Sequence[Bar], covered_from: int) -> None:
        """Stores verified bars in one transaction; a bar already stored must be the same.

        From `covered_from` to the last of them nothing is missing that the exchange has.

        Raises DataError for a torn bar, one off the grid or out of order, or one that differs from
        the stored; StorageError when the disk refuses. Either way nothing of this call is stored.
        """
        rows = [(bar.open_time, *(getattr(bar, name) for name in BAR_COLUMNS)) for bar in bars]
        problem = first_problem(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1:] for row in rows], np.float64),
            self._market.bar_milliseconds,
        )
        if problem is not None:
            raise DataError(
                f"bar {rows[problem.row][0]} of {self._market.exchange}: {problem.column} is "
                f"{problem.value}, expected {problem.expected}"
            )
        for row in rows:
            stored = self._stored(row[0])
            if stored is not None and stored != row:
                raise DataError(
                    f"bar {row[0]} of {self.path.name} is {row[1:]} at the exchange but "
                    f"{stored[1:]} in the store; remove the store if the market was replaced"
                )
        with self._translated(), self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO bars VALUES (?,?,?,?,?,?)", rows)
            self._connection.execute(
                "INSERT OR REPLACE INTO covered VALUES (1, ?, ?)", (covered_from, rows[-1][0])
            )

    def _stored(self, open_time: int) -> tuple[float, ...] | None:
        with self._translated():
            row = self._connection.execute(
                "SELECT * FROM bars WHERE open_time = ?", (open_time,)
            ).fetchone()
        return None if row is None else tuple(row)

    def read(self, since: int = 0) -> pd.DataFrame:
        """Bars from `since` on, oldest first: BAR_COLUMNS, indexed by `open_time`."""
        with self._translated():
            (count,) = self._connection.execute(
                "SELECT count(*) FROM bars WHERE open_time >= ?", (since,)
            ).fetchone()
            rows = self._connection.execute(
                "SELECT * FROM bars WHERE open_time >= ? ORDER BY open_time", (since,)
            )
            return bars_frame(*columns(np.fromiter(rows, ROW, count)))


def describe(bars: pd.DataFrame, bar_milliseconds: int) -> DataRange:
    """What the manifest says of these bars; raises DataError where no model can be trained."""
    return examine(
        bars.index.to_numpy(np.int64),
        bars[list(BAR_COLUMNS)].to_numpy(np.float64),
        bar_milliseconds,
    )
