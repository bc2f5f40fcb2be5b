"""A ledger that is damaged or cannot be written: the bot says so, and sends nothing."""

import os
from pathlib import Path

import pytest
from tests.integration.account import ExchangeView
from tests.integration.programs import bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, ScriptedApi

pytestmark = pytest.mark.timeout(90)
MARKET = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 4}


async def refused(folder: Path) -> tuple[int | None, str, ExchangeView]:
    with exchange(folder, **MARKET) as address:
        async with ScriptedApi(lambda _: (BULLISH, 1.0)) as api:
            program = bot(folder, address, api.url)
            try:
                await until_async(lambda: program.status is not None, "its refusal", 40)
            finally:
                program.end()
        return program.status, program.text(), await ExchangeView.fetch(address)


def spoil(ledger: Path) -> None:
    ledger.write_bytes(b"SQLite format 3\x00" + os.urandom(8_192))


async def test_a_damaged_ledger_halts_before_anything_is_sent(tmp_path: Path) -> None:
    spoil(tmp_path / "ledger.db")
    status, text, view = await refused(tmp_path)
    assert status == 1
    assert "expected an intact ledger" in text or "is damaged" in text
    assert view.names == []


async def test_a_ledger_that_cannot_be_written_is_said_and_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()  # as unwritable to root as to anyone
    status, text, view = await refused(tmp_path)
    assert status == 3
    assert "unable to open database file" in text
    assert view.names == []
