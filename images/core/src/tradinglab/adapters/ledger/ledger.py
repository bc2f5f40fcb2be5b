"""The ledger of one bot: what it decided, meant to send, sent, got and owes in alerts.

Called by the bot alone; other programs read it through `summary`. Every write happens inside
`transaction()`, which returns only when the data is on the disk.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tradinglab.adapters.ledger.database import (
    lock_for_writing,
    open_database,
    prepare_folder,
    transaction,
    translated,
)
from tradinglab.adapters.ledger.drift_record import DriftRecord
from tradinglab.adapters.ledger.encoding import (
    KINDS,
    IntentStatus,
    WrittenIntent,
    decode_intent,
    encode_intent,
)
from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.order import (
    EnterIntent,
    Fill,
    Intent,
    Leg,
    OrderReport,
    OrderStatus,
    Origin,
    ProtectIntent,
    Side,
)
from tradinglab.engine.decision import Decision
from tradinglab.engine.state import ClosedTrade, EngineState

ENGINE_STATE = "engine"
FIRST_TRADE_ID = "first_trade_id"


@dataclass(frozen=True, slots=True)
class Alert:
    id: int
    kind: str
    text: str
    attempts: int


class Ledger:
    """One connection, one thread. `now` gives UTC milliseconds of this machine."""

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self.path = path
        self._now = now
        prepare_folder(path.parent)
        self._lock = lock_for_writing(path)
        try:
            self._connection = open_database(path)
        except BaseException:
            self._lock.close()
            raise
        self.drift = DriftRecord(self._execute, now)

    def close(self) -> None:
        self._connection.close()
        self._lock.close()

    def transaction(self) -> AbstractContextManager[None]:
        return transaction(self._connection, self.path)

    def _execute(self, statement: str, values: Iterable[object] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, tuple(values))
        except sqlite3.Error as error:
            raise translated(self.path, error) from error

    # State ------------------------------------------------------------------------------------

    def value(self, key: str) -> str | None:
        row = self._execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row["value"])

    def set_value(self, key: str, value: str) -> None:
        self._execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def engine_state(self) -> EngineState | None:
        text = self.value(ENGINE_STATE)
        return None if text is None else EngineState.model_validate_json(text)

    def save_engine_state(self, state: EngineState) -> None:
        self.set_value(ENGINE_STATE, state.model_dump_json())

    # Decisions --------------------------------------------------------------------------------

    def last_decided_bar(self) -> int | None:
        row = self._execute("SELECT max(bar_open_time) AS last FROM decisions").fetchone()
        return None if row["last"] is None else int(row["last"])

    def record_decision(
        self,
        bar: Bar,
        decision: Decision,
        forecast: Forecast | None,
        digest: str,
        inputs: Mapping[str, object],
        behind: bool,
        state: EngineState,
    ) -> None:
        """The decision with everything that explains it, the equity, and the engine's state."""
        self._execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                bar.open_time,
                self._now(),
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                decision.reason,
                decision.explanation,
                None if forecast is None else forecast.model_dump_json(),
                json.dumps(inputs),
                digest,
                int(behind),
            ),
        )
        equity = state.equity(Decimal(repr(bar.close)))
        self._execute(
            "INSERT INTO equity VALUES (?, ?, ?, ?, ?)",
            (bar.open_time, *map(str, (equity, state.quote, state.base, state.peak_equity))),
        )
        self.save_engine_state(state)

    # Intents and orders -----------------------------------------------------------------------

    def write_intent(self, bar_open_time: int, intent: Intent) -> WrittenIntent:
        """Gives the intent its place within the bar; to be called before anything is sent."""
        row = self._execute(
            "SELECT coalesce(max(sequence) + 1, 0) AS next FROM intents WHERE bar_open_time = ?",
            (bar_open_time,),
        ).fetchone()
        written_at = self._now()
        cursor = self._execute(
            "INSERT INTO intents (bar_open_time, sequence, kind, body, status, written_at) "
            "VALUES (?, ?, ?, ?, 'written', ?)",
            (bar_open_time, row["next"], KINDS[type(intent)], encode_intent(intent), written_at),
        )
        return WrittenIntent(
            id=int(cursor.lastrowid or 0),
            bar_open_time=bar_open_time,
            sequence=int(row["next"]),
            intent=intent,
            status=IntentStatus.WRITTEN,
            written_at=written_at,
        )

    def unanswered_intents(self) -> tuple[WrittenIntent, ...]:
        rows = self._execute("SELECT * FROM intents WHERE status = 'written' ORDER BY id")
        return tuple(
            WrittenIntent(
                id=row["id"],
                bar_open_time=row["bar_open_time"],
                sequence=row["sequence"],
                intent=decode_intent(row["kind"], row["body"]),
                status=IntentStatus(row["status"]),
                written_at=row["written_at"],
            )
            for row in rows
        )

    def record_answer(
        self,
        written: WrittenIntent,
        status: IntentStatus,
        answer: str,
        reports: Iterable[OrderReport] = (),
    ) -> None:
        """An order that ended at once stays live while it has fills still to be fetched."""
        self._execute(
            "UPDATE intents SET status = ?, answered_at = ?, answer = ? WHERE id = ?",
            (status, self._now(), answer, written.id),
        )
        legs = {written.order_id(leg): leg for leg in written.legs}
        for report in reports:
            self._record_order(written.id, report, legs[report.client_id])

    def adopt(
        self, bar_open_time: int, intent: Intent, orders: Iterable[tuple[OrderReport, Leg]]
    ) -> None:
        """An intent that this ledger lost, at a bar that it has, with its orders under their own
        ids."""
        written = self.write_intent(bar_open_time, intent)
        self.record_answer(written, IntentStatus.ACCEPTED, "adopted from the exchange")
        for report, leg in orders:
            self._record_order(written.id, report, leg)

    def _record_order(self, intent_id: int, report: OrderReport, leg: Leg) -> None:
        self._execute(
            "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                report.client_id,
                intent_id,
                leg,
                report.exchange_id,
                report.list_client_id,
                report.side,
                report.type,
                report.status,
                *map(str, (report.quantity, report.executed_quantity, report.price)),
                None if report.stop_price is None else str(report.stop_price),
                int(report.status.is_live or report.executed_quantity > 0),
                self._now(),
            ),
        )

    def record_order_status(
        self, client_id: str, status: OrderStatus, executed_quantity: Decimal, is_live: bool
    ) -> None:
        """`is_live` stays true while fills of a finished order are still to be fetched."""
        self._execute(
            "UPDATE orders SET status = ?, executed_quantity = ?, is_live = ?, updated_at = ? "
            "WHERE client_id = ?",
            (status, str(executed_quantity), int(is_live), self._now(), client_id),
        )

    def live_orders(self) -> tuple[tuple[OrderReport, Leg], ...]:
        """Orders that may still fill, or whose fills are not all recorded."""
        rows = self._execute("SELECT * FROM orders WHERE is_live = 1 ORDER BY exchange_id")
        return tuple(
            (
                OrderReport(
                    client_id=row["client_id"],
                    exchange_id=row["exchange_id"],
                    list_client_id=row["list_client_id"],
                    side=Side(row["side"]),
                    type=row["type"],
                    status=OrderStatus(row["status"]),
                    quantity=Decimal(row["quantity"]),
                    executed_quantity=Decimal(row["executed_quantity"]),
                    price=Decimal(row["price"]),
                    stop_price=None if row["stop_price"] is None else Decimal(row["stop_price"]),
                ),
                Leg(row["leg"]),
            )
            for row in rows
        )

    def origin_of(self, exchange_order_id: int) -> tuple[str, Origin] | None:
        """Client id and origin of one of our orders; None for an order that is not ours."""
        row = self._execute(
            "SELECT o.client_id, o.leg, i.bar_open_time, i.kind, i.body FROM orders o "
            "JOIN intents i ON i.id = o.intent_id WHERE o.exchange_id = ?",
            (exchange_order_id,),
        ).fetchone()
        if row is None:
            return None
        intent = decode_intent(row["kind"], row["body"])
        stop, take_profit = (
            (intent.stop_price, intent.take_profit_price)
            if isinstance(intent, EnterIntent | ProtectIntent)
            else (None, None)
        )
        return row["client_id"], Origin(Leg(row["leg"]), row["bar_open_time"], stop, take_profit)

    # Fills and trades -------------------------------------------------------------------------

    def last_trade_id(self) -> int:
        """The newest execution seen, ours or not; −1 before the first."""
        row = self._execute("SELECT max(trade_id) AS last FROM fills").fetchone()
        first = int(self.value(FIRST_TRADE_ID) or -1)
        return first if row["last"] is None else max(first, int(row["last"]))

    def record_fill(
        self, fill: Fill, client_id: str | None, commission_quote: Decimal | None = None
    ) -> bool:
        """False when the fill is known already, so that it counts once."""
        cursor = self._execute(
            "INSERT OR IGNORE INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                fill.trade_id,
                client_id,
                fill.exchange_order_id,
                fill.side,
                *map(str, (fill.price, fill.quantity, fill.commission)),
                fill.commission_asset,
                fill.time,
                int(fill.is_maker),
                None if commission_quote is None else str(commission_quote),
            ),
        )
        return cursor.rowcount == 1

    def filled_quantity(self, client_id: str) -> Decimal:
        rows = self._execute("SELECT quantity FROM fills WHERE client_id = ?", (client_id,))
        return sum((Decimal(row["quantity"]) for row in rows), Decimal(0))

    def record_trade(self, trade: ClosedTrade, closing_fill: int) -> None:
        self._execute(
            "INSERT INTO trades (closing_fill, opened_bar, closed_time, quantity, entry_price, "
            "exit_price, cost_quote, proceeds_quote, profit, exit_leg) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                closing_fill,
                trade.opened_bar,
                trade.closed_time,
                str(trade.quantity),
                str(trade.entry_price),
                str(trade.exit_price),
                str(trade.cost_quote),
                str(trade.proceeds_quote),
                str(trade.profit),
                trade.exit_leg.words,
            ),
        )

    # Alerts -----------------------------------------------------------------------------------

    def add_alert(self, kind: str, text: str) -> None:
        self._execute(
            "INSERT INTO outbox (kind, text, created_at) VALUES (?, ?, ?)",
            (kind, text, self._now()),
        )

    def alerts_waiting(self) -> int:
        row = self._execute("SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL").fetchone()
        return int(row["n"])

    def next_alert(self) -> Alert | None:
        row = self._execute(
            "SELECT id, kind, text, attempts FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 1"
        ).fetchone()
        return None if row is None else Alert(row["id"], row["kind"], row["text"], row["attempts"])

    def mark_alert_sent(self, alert_id: int) -> None:
        self._execute(
            "UPDATE outbox SET sent_at = ?, attempts = attempts + 1, error = NULL WHERE id = ?",
            (self._now(), alert_id),
        )

    def mark_alert_failed(self, alert_id: int, error: str) -> None:
        self._execute(
            "UPDATE outbox SET attempts = attempts + 1, error = ? WHERE id = ?",
            (error, alert_id),
        )
