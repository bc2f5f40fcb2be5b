"""A ledger written by an earlier version keeps every row and every reference."""

import sqlite3
from pathlib import Path

from tests.ledger.entries import open_ledger

from tradinglab.adapters.ledger.backup import verify
from tradinglab.adapters.ledger.schema import MIGRATIONS


def earlier_ledger(path: Path, version: int) -> None:
    """As version `version` of the tables left it: one decision, its entry and its fill."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for number, script in enumerate(MIGRATIONS[:version], start=1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
    connection.execute(
        "INSERT INTO decisions VALUES (1, 1, 1, 1, 1, 1, 1, 'ENTER', '', NULL, '{}', '', 0)"
    )
    connection.execute(
        "INSERT INTO intents VALUES (7, 1, 0, 'exit', ?, 'accepted', 1, 2, 'answered')",
        ('{"quantity": "1", "limit_price": null}',),
    )
    connection.execute(
        "INSERT INTO orders VALUES ('tl-1-x', 7, 'x', 5, NULL, 'SELL', 'MARKET', 'FILLED', '1', "
        "'1', '0', NULL, 0, 1)"
    )
    connection.execute(
        "INSERT INTO fills VALUES (3, 'tl-1-x', 5, 'SELL', '1', '1', '0.1', 'USDT', 1, 0)"
    )
    connection.close()


def test_a_ledger_of_an_earlier_version_is_brought_up_to_date_with_all_it_holds(
    tmp_path: Path,
) -> None:
    earlier_ledger(tmp_path / "ledger.db", 2)
    ledger = open_ledger(tmp_path)
    assert ledger.origin_of(5) is not None
    assert ledger.last_trade_id() == 3
    assert ledger.unanswered_intents() == ()
    ledger.close()
    assert verify(tmp_path / "ledger.db") == 1
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("SELECT commission_quote FROM fills").fetchone() == (None,)
