"""The ledger keeps what it is told, all or nothing, exactly once."""

import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from tests.engine.situations import DIGEST, NOW, UP, bar, flat
from tests.ledger.entries import decide, fill, open_ledger, report

from tradinglab.adapters.ledger import read_summary
from tradinglab.adapters.ledger.drift_record import Measurement, Outcome
from tradinglab.adapters.ledger.encoding import IntentStatus
from tradinglab.adapters.ledger.filesystem import filesystem_type, refuse_network_filesystem
from tradinglab.adapters.ledger.schema import VERSION_1
from tradinglab.domain.drift import Drift
from tradinglab.domain.order import CancelIntent, CancelTarget, ExitIntent, Leg, OrderStatus
from tradinglab.engine.decision import Decision, Reason
from tradinglab.errors import ConfigurationError, DataError, HaltTrading, StorageError


def test_a_written_intent_survives_reopening_with_the_same_ids(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        written = ledger.write_intent(NOW, decide(ledger))
    ledger.close()
    (found,) = open_ledger(tmp_path).unanswered_intents()
    assert found == written
    assert found.order_id(Leg.ENTRY) == written.order_id(Leg.ENTRY)


def test_orders_of_one_bar_have_distinct_ids_within_the_exchanges_limit(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        first = ledger.write_intent(NOW, decide(ledger))
        second = ledger.write_intent(NOW, ExitIntent(Decimal(1), None))
        third = ledger.write_intent(NOW, CancelIntent(CancelTarget.ENTRY))
    ids = [written.order_id(leg) for written in (first, second) for leg in written.legs]
    assert len(set(ids)) == 4
    assert all(len(name) <= 36 and name.startswith("tl-") for name in ids)
    assert [intent.intent for intent in ledger.unanswered_intents()] == [
        first.intent,
        second.intent,
        third.intent,
    ]


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with pytest.raises(RuntimeError), ledger.transaction():
        ledger.write_intent(NOW, decide(ledger))
        raise RuntimeError("power cut")
    assert ledger.last_decided_bar() is None
    assert ledger.unanswered_intents() == ()


def test_a_bar_is_decided_once(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        decide(ledger)
    with pytest.raises(HaltTrading, match="UNIQUE"), ledger.transaction():
        decide(ledger)


def test_a_fill_counts_once_and_leads_to_the_levels_of_its_order(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        intent = decide(ledger)
        written = ledger.write_intent(NOW, intent)
        entry = report(written.order_id(Leg.ENTRY), 77)
        ledger.record_answer(written, IntentStatus.ACCEPTED, "ok", [entry])
    found = ledger.origin_of(77)
    assert found is not None
    client_id, origin = found
    assert (origin.leg, origin.stop_price) == (Leg.ENTRY, intent.stop_price)
    with ledger.transaction():
        assert ledger.record_fill(fill(5, 77), client_id)
        assert not ledger.record_fill(fill(5, 77), client_id)
    assert ledger.filled_quantity(client_id) == Decimal("0.05")
    assert ledger.last_trade_id() == 5


def test_an_order_that_ended_is_no_longer_live(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        written = ledger.write_intent(NOW, decide(ledger))
        order = report(written.order_id(Leg.ENTRY), 77)
        ledger.record_answer(written, IntentStatus.ACCEPTED, "ok", [order])
    assert [leg for _, leg in ledger.live_orders()] == [Leg.ENTRY]
    with ledger.transaction():
        ledger.record_order_status(order.client_id, OrderStatus.CANCELED, Decimal(0), False)
    assert ledger.live_orders() == ()


def test_alerts_leave_in_order_and_a_failed_one_stays_first(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        ledger.add_alert("trade", "first")
        ledger.add_alert("trade", "second")
    alert = ledger.next_alert()
    assert alert is not None
    with ledger.transaction():
        ledger.mark_alert_failed(alert.id, "no route")
    again = ledger.next_alert()
    assert again is not None
    assert (again.text, again.attempts) == ("first", 1)
    with ledger.transaction():
        ledger.mark_alert_sent(alert.id)
    last = ledger.next_alert()
    assert last is not None
    assert last.text == "second"


def test_the_summary_adds_up_what_was_recorded(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        written = ledger.write_intent(NOW, decide(ledger))
        order = report(written.order_id(Leg.ENTRY), 77)
        ledger.record_answer(written, IntentStatus.ACCEPTED, "ok", [order])
        ledger.record_fill(fill(5, 77), order.client_id)
        missing = Decision(bar(bars_on=1).open_time, Reason.FORECAST_MISSING, "none")
        later = bar(31_000.0, 1)
        ledger.record_decision(later, missing, None, DIGEST, {}, False, flat())
        ledger.add_alert("trade", "bought")
    summary = read_summary(ledger.path)
    assert (summary.bars_decided, summary.forecasts) == (2, 1)
    assert summary.decisions_by_reason == {"ENTER": 1, "FORECAST_MISSING": 1}
    assert (summary.orders, summary.entries, summary.fills, summary.trades) == (1, 1, 1, 0)
    assert (summary.first_close, summary.last_close) == (30_000.0, 31_000.0)
    assert summary.last_equity == Decimal(10_000)
    assert (summary.alerts_sent, summary.alerts_waiting) == (0, 1)
    assert summary.digests == (DIGEST,)


def test_the_summary_of_a_missing_ledger_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_summary(tmp_path / "nowhere.db")


def test_reading_a_summary_loads_neither_numpy_nor_an_exchange_client() -> None:
    program = (
        "import sys; import tradinglab.adapters.ledger; "
        "print([name for name in ('numpy', 'pandas', 'ccxt', 'websockets') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_writes_are_durable_and_tables_strict(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    connection = ledger._connection
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO equity VALUES ('x', '1', '1', '1', '1')")


def test_a_full_disk_is_storage_that_may_come_back(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"), ledger.transaction():
        for _ in range(200):
            ledger.add_alert("error", "x" * 1_000)
    ledger._connection.execute(f"PRAGMA max_page_count = {pages + 1_000}")
    with ledger.transaction():
        ledger.add_alert("error", "room again")
    alert = ledger.next_alert()
    assert alert is not None
    assert alert.text == "room again"


def test_a_damaged_ledger_halts_trading(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to look like one" * 99)
    with pytest.raises(HaltTrading, match="ledger"):
        open_ledger(tmp_path)


def test_a_second_writer_is_kept_off_until_the_first_is_gone(tmp_path: Path) -> None:
    first = open_ledger(tmp_path)
    with pytest.raises(StorageError, match="in use by another process"):
        open_ledger(tmp_path)
    first.close()
    open_ledger(tmp_path).close()


def test_a_ledger_of_a_newer_program_halts_trading(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger._connection.execute("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(HaltTrading, match="schema version 99"):
        open_ledger(tmp_path)


def test_a_ledger_of_the_first_version_is_brought_up_to_date_with_all_it_holds(
    tmp_path: Path,
) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.executescript(f"BEGIN; {VERSION_1} PRAGMA user_version = 1; COMMIT;")
    connection.execute("INSERT INTO state VALUES ('kept', 'yes')")
    connection.commit()
    connection.close()
    ledger = open_ledger(tmp_path)
    assert ledger.value("kept") == "yes"
    assert ledger.drift.last(DIGEST) is None


def test_outcomes_and_measurements_are_kept_by_artifact(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    steady = Drift(bars=1, forecasts=0, effective_forecasts=0.0)
    drifted = steady.model_copy(update={"findings": ("PSI of rsi is 9",)})
    with ledger.transaction():
        decide(ledger)
        decide(ledger, 1)
        assert ledger.drift.without_outcome(DIGEST) == {bar().open_time, bar(bars_on=1).open_time}
        ledger.drift.record_outcomes([Outcome(bar().open_time, -0.2, 2)])
        ledger.drift.add(Measurement(NOW, DIGEST, steady))
        ledger.drift.add(Measurement(NOW + 1, DIGEST, drifted))
        ledger.drift.mark_asked(DIGEST, drifted.reason)
    assert ledger.drift.without_outcome(DIGEST) == {bar(bars_on=1).open_time}
    (realised,) = ledger.drift.realised(DIGEST)
    assert (realised.probabilities, realised.class_index) == (UP, 2)
    assert ledger.drift.last(DIGEST) == Measurement(NOW + 1, DIGEST, drifted)
    assert ledger.drift.was_asked(DIGEST)
    assert ledger.drift.realised("another") == []
    assert not ledger.drift.was_asked("another")


MOUNTS = """/dev/sda / ext4 rw 0 0
nas:/vol /mnt/my\\040nas nfs4 rw 0 0
/dev/sdb /mnt/my\\040nas/local xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/mnt/my nas/ledger", "nfs4"),
        ("/mnt/my nas/local/ledger", "xfs"),
        ("/mnt/my nasty", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_closest_mount(folder: str, kind: str) -> None:
    assert filesystem_type(Path(folder), MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"nas:/vol {tmp_path} nfs rw 0 0\n")
    with pytest.raises(ConfigurationError, match="nfs"):
        refuse_network_filesystem(tmp_path, mounts)
