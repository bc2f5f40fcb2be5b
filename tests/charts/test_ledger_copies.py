"""Copies of the ledger: made while it is written, whole or not at all, and put back."""

import fcntl
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from tests.charts.rendering import CHART
from tests.charts.test_values_schema import load

from tradinglab.errors import TradinglabError

copies_program = load(CHART / "files" / "ledger_copies.py")
NOW = datetime(2026, 3, 1, 4, 17, tzinfo=UTC)


@pytest.fixture
def places(tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    return tmp_path / "ledger.db", copies


@pytest.fixture
def bot(places):
    """A writer with the bot's journal mode, its last transaction open."""
    connection = sqlite3.connect(places[0], isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE decisions (bar INTEGER)")
    connection.executemany("INSERT INTO decisions VALUES (?)", [(bar,) for bar in range(5)])
    connection.execute("BEGIN")
    connection.execute("INSERT INTO decisions VALUES (99)")
    yield connection
    connection.close()


def rows(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT count(*) FROM decisions").fetchone()[0]


def test_a_copy_is_made_while_the_bot_writes_and_holds_what_was_committed(places, bot):
    made = copies_program.backup(*places, keep=3, now=NOW)
    assert made.name == "ledger-20260301T041700Z.db"
    assert rows(made) == 5
    assert [each.name for each in places[1].iterdir()] == [made.name]


def test_the_newest_copies_are_kept(places, bot):
    for day in range(5):
        copies_program.backup(*places, keep=2, now=NOW + timedelta(days=day))
    names = sorted(each.name for each in places[1].iterdir())
    assert names == ["ledger-20260304T041700Z.db", "ledger-20260305T041700Z.db"]


def test_before_the_bot_has_started_it_says_so(places):
    with pytest.raises(TradinglabError, match="no ledger"):
        copies_program.backup(*places, keep=2, now=NOW)


def test_the_newest_copy_is_put_back_and_the_former_ledger_is_kept(places, bot):
    ledger, copies = places
    copies_program.backup(ledger, copies, keep=3, now=NOW)
    bot.execute("COMMIT")
    bot.close()
    copies_program.restore(ledger, copies, NOW + timedelta(hours=1))
    assert rows(ledger) == 5
    assert rows(ledger.with_name("ledger.before-20260301T051700Z.db")) == 6


def test_the_copy_that_is_named_is_put_back(places, bot):
    ledger, copies = places
    first = copies_program.backup(ledger, copies, keep=3, now=NOW)
    bot.execute("COMMIT")
    copies_program.backup(ledger, copies, keep=3, now=NOW + timedelta(days=1))
    (copies / "restore").write_text(f"{first.name}\n")
    assert copies_program.restore(ledger, copies, NOW + timedelta(days=2)) == first
    assert rows(ledger) == 5


def test_a_ledger_in_use_is_left_alone(places, bot):
    ledger, copies = places
    copies_program.backup(ledger, copies, keep=3, now=NOW)
    before = ledger.read_bytes()
    with ledger.with_name("ledger.db.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TradinglabError, match="scale the bot to 0"):
            copies_program.restore(ledger, copies, NOW)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("spoilt", [b"", b"not a database", None])
def test_a_damaged_copy_is_not_put_back(places, bot, spoilt):
    ledger, copies = places
    made = copies_program.backup(ledger, copies, keep=3, now=NOW)
    whole = made.read_bytes()
    made.write_bytes(whole[: len(whole) // 2] if spoilt is None else spoilt)
    before = ledger.read_bytes()
    with pytest.raises(TradinglabError):
        copies_program.restore(ledger, copies, NOW)
    assert ledger.read_bytes() == before


def test_nothing_to_put_back_is_said(places):
    with pytest.raises(TradinglabError, match="holds no copy"):
        copies_program.restore(*places, NOW)
