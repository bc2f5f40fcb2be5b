"""The ledger's pages on drift: which class came for each forecast, and every measurement.

Reached through `Ledger.drift`, inside the ledger's transactions.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tradinglab.domain.drift import Drift

Execute = Callable[..., sqlite3.Cursor]
MOST_FORECASTS = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the forecast made at `bar_open_time`: return over σ̂√H and its class."""

    bar_open_time: int
    standardised: float
    class_index: int


@dataclass(frozen=True, slots=True)
class Realised:
    """A forecast's probabilities and the class that came, in Direction's order."""

    probabilities: tuple[float, ...]
    class_index: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """One look at the artifact `digest`, made at the close of a bar."""

    bar_open_time: int
    digest: str
    drift: Drift


class DriftRecord:
    """`execute` runs one statement of the ledger, `now` gives this machine's milliseconds."""

    def __init__(self, execute: Execute, now: Callable[[], int]) -> None:
        self._execute = execute
        self._now = now

    def without_outcome(self, digest: str) -> frozenset[int]:
        """The bars whose forecast by this artifact has no outcome yet."""
        rows = self._execute(
            "SELECT d.bar_open_time FROM decisions d LEFT JOIN outcomes o USING (bar_open_time) "
            "WHERE d.digest = ? AND d.forecast IS NOT NULL AND o.bar_open_time IS NULL "
            "ORDER BY d.bar_open_time DESC LIMIT ?",
            (digest, MOST_FORECASTS),
        )
        return frozenset(row["bar_open_time"] for row in rows)

    def record_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        for each in outcomes:
            self._execute(
                "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?)",
                (each.bar_open_time, each.standardised, each.class_index),
            )

    def realised(self, digest: str) -> list[Realised]:
        """The newest MOST_FORECASTS, oldest first."""
        rows = self._execute(
            "SELECT d.forecast, o.class FROM outcomes o JOIN decisions d USING (bar_open_time) "
            "WHERE d.digest = ? ORDER BY bar_open_time DESC LIMIT ?",
            (digest, MOST_FORECASTS),
        ).fetchall()
        return [
            Realised(tuple(json.loads(row["forecast"])["probabilities"]), row["class"])
            for row in reversed(rows)
        ]

    def add(self, measurement: Measurement) -> None:
        drift = measurement.drift
        self._execute(
            "INSERT OR REPLACE INTO drift VALUES (?, ?, ?, ?)",
            (
                measurement.bar_open_time,
                measurement.digest,
                drift.state,
                drift.model_dump_json(),
            ),
        )

    def last(self, digest: str) -> Measurement | None:
        row = self._execute(
            "SELECT * FROM drift WHERE digest = ? ORDER BY bar_open_time DESC LIMIT 1", (digest,)
        ).fetchone()
        if row is None:
            return None
        return Measurement(row["bar_open_time"], digest, Drift.model_validate_json(row["body"]))

    def was_asked(self, digest: str) -> bool:
        """A training was asked for in place of this artifact, and the request was taken."""
        row = self._execute("SELECT 1 FROM training_requests WHERE digest = ?", (digest,))
        return row.fetchone() is not None

    def mark_asked(self, digest: str, reason: str) -> None:
        self._execute(
            "INSERT OR IGNORE INTO training_requests VALUES (?, ?, ?)",
            (digest, reason, self._now()),
        )
