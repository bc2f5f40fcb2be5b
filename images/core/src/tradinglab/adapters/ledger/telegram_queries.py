"""What a person asks of a ledger: trades, orders, days, decisions, the curve of its equity.

Called by the bot's Telegram commands and its daily picture, in threads of their own: nothing here
writes, and nothing waits for the bot's own connection.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradinglab.adapters.ledger.database import reading
from tradinglab.adapters.ledger.ledger import Alert
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.market import MILLISECONDS
from tradinglab.engine.decision import Reason

DAY_MILLISECONDS = MILLISECONDS["d"]
CURVE_POINTS = 600


@dataclass(frozen=True, slots=True)
class PastTrade:
    """A closed trade; `number` counts them from 1."""

    number: int
    opened_bar: int
    closed_time: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    cost_quote: Decimal
    profit: Decimal
    exit_leg: str

    @property
    def profit_fraction(self) -> Decimal:
        return self.profit / self.cost_quote


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """`stop_price` is None for an order that has none; `waits` until its entry is filled."""

    side: str
    leg: str
    quantity: Decimal
    executed_quantity: Decimal
    price: Decimal
    stop_price: Decimal | None
    waits: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day of the market. `start` in milliseconds; the equity is at its first and last
    decided bar."""

    start: int
    first_equity: Decimal
    last_equity: Decimal
    first_close: float
    last_close: float
    trades: int
    profit: Decimal


@dataclass(frozen=True, slots=True)
class PastDecision:
    """`numbers` are the computed inputs that the reason rests on."""

    bar_open_time: int
    close: float
    reason: Reason
    explanation: str
    forecast: Forecast | None
    numbers: dict[str, float]
    digest: str
    decided_at: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Equity and price at the close of each bar, thinned to about CURVE_POINTS."""

    times: tuple[int, ...]
    equity: tuple[float, ...]
    close: tuple[float, ...]


def waiting_alerts(path: Path, most: int) -> tuple[Alert, ...]:
    """Not sent yet, oldest first."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT id, kind, text, attempts FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT ?",
            (most,),
        )
        return tuple(Alert(row["id"], row["kind"], row["text"], row["attempts"]) for row in rows)


def alert_time(path: Path, alert_id: int) -> int | None:
    """When it was written, in this machine's milliseconds."""
    with reading(path) as connection:
        row = connection.execute(
            "SELECT created_at FROM outbox WHERE id = ?", (alert_id,)
        ).fetchone()
        return None if row is None else int(row["created_at"])


def past_trades(path: Path, most: int) -> tuple[PastTrade, ...]:
    """Newest first."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT *, row_number() OVER (ORDER BY id) AS number FROM trades "
            "ORDER BY id DESC LIMIT ?",
            (most,),
        )
        return tuple(
            PastTrade(
                number=row["number"],
                opened_bar=row["opened_bar"],
                closed_time=row["closed_time"],
                quantity=Decimal(row["quantity"]),
                entry_price=Decimal(row["entry_price"]),
                exit_price=Decimal(row["exit_price"]),
                cost_quote=Decimal(row["cost_quote"]),
                profit=Decimal(row["profit"]),
                exit_leg=row["exit_leg"],
            )
            for row in rows
        )


def open_orders(path: Path) -> tuple[OpenOrder, ...]:
    with reading(path) as connection:
        rows = connection.execute("SELECT * FROM orders WHERE is_live = 1 ORDER BY exchange_id")
        return tuple(
            OpenOrder(
                side=row["side"],
                leg=row["leg"],
                quantity=Decimal(row["quantity"]),
                executed_quantity=Decimal(row["executed_quantity"]),
                price=Decimal(row["price"]),
                stop_price=None if row["stop_price"] is None else Decimal(row["stop_price"]),
                waits=row["status"] == "PENDING_NEW",
            )
            for row in rows
        )


def past_days(path: Path, most: int) -> tuple[Day, ...]:
    """Newest first, at most `most`; days without a decided bar are left out."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT bar_open_time / ? AS day, min(bar_open_time) AS first, "
            "max(bar_open_time) AS last FROM decisions GROUP BY day ORDER BY day DESC LIMIT ?",
            (DAY_MILLISECONDS, most),
        ).fetchall()

        def at(bar: int) -> tuple[Decimal, float]:
            row = connection.execute(
                "SELECT e.equity, d.close FROM decisions d JOIN equity e USING (bar_open_time) "
                "WHERE bar_open_time = ?",
                (bar,),
            ).fetchone()
            return Decimal(row["equity"]), float(row["close"])

        days = []
        for row in rows:
            start = row["day"] * DAY_MILLISECONDS
            profits = connection.execute(
                "SELECT profit FROM trades WHERE closed_time >= ? AND closed_time < ?",
                (start, start + DAY_MILLISECONDS),
            ).fetchall()
            (first_equity, first_close), (last_equity, last_close) = (
                at(row["first"]),
                at(row["last"]),
            )
            total = sum((Decimal(each["profit"]) for each in profits), Decimal(0))
            days.append(
                Day(
                    start,
                    first_equity,
                    last_equity,
                    first_close,
                    last_close,
                    len(profits),
                    total,
                )
            )
        return tuple(days)


def past_decisions(path: Path, most: int) -> tuple[PastDecision, ...]:
    """Newest first."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT * FROM decisions ORDER BY bar_open_time DESC LIMIT ?", (most,)
        )
        return tuple(_decision(row) for row in rows)


def _decision(row: Any) -> PastDecision:
    made = row["forecast"]
    return PastDecision(
        bar_open_time=row["bar_open_time"],
        close=row["close"],
        reason=Reason(row["reason"]),
        explanation=row["explanation"],
        forecast=None if made is None else Forecast.model_validate_json(made),
        numbers=json.loads(row["inputs"]).get("numbers", {}),
        digest=row["digest"],
        decided_at=row["decided_at"],
    )


def deepest_drawdown(path: Path) -> float:
    """The largest fall from the peak of equity at any bar's close, as a fraction."""
    with reading(path) as connection:
        row = connection.execute(
            "SELECT max(1 - CAST(equity AS REAL) / CAST(peak_equity AS REAL)) AS deepest "
            "FROM equity WHERE CAST(peak_equity AS REAL) > 0"
        ).fetchone()
        return max(float(row["deepest"] or 0.0), 0.0)


def equity_curve(path: Path, until: int | None = None) -> Curve:
    """From the first bar to the last decided by `until`, in this machine's milliseconds."""
    with reading(path) as connection:
        latest = 2**62 if until is None else until
        count = connection.execute(
            "SELECT count(*) FROM decisions WHERE decided_at <= ?", (latest,)
        ).fetchone()[0]
        every = max(count // CURVE_POINTS, 1)
        rows = connection.execute(
            "SELECT bar_open_time, equity, close FROM (SELECT bar_open_time, e.equity, d.close, "
            "row_number() OVER (ORDER BY bar_open_time DESC) - 1 AS age "
            "FROM decisions d JOIN equity e USING (bar_open_time) WHERE d.decided_at <= ?) "
            "WHERE age % ? = 0 OR age = ? ORDER BY bar_open_time",
            (latest, every, count - 1),
        ).fetchall()
        return Curve(
            tuple(row["bar_open_time"] for row in rows),
            tuple(float(row["equity"]) for row in rows),
            tuple(float(row["close"]) for row in rows),
        )
