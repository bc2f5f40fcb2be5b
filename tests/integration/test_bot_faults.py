"""Faults of the exchange, injected while the bot trades: every bar decided, books in agreement."""

import asyncio
import json
import resource
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.account import ExchangeView, assert_agreement, rows
from tests.integration.programs import Program, bot, exchange, until_async
from tests.integration.scripted_api import ScriptedApi

from tradinglab.adapters.ledger import read_summary

pytestmark = pytest.mark.timeout(120)
BARS = 30
PROVE = pytest.mark.prove


def inject(address: str, **faults: object) -> None:
    request = urllib.request.Request(
        f"http://{address}/_faults", json.dumps(faults).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


async def traded_through(
    folder: Path, disturb: Callable[[str, Program], Awaitable[None]], silence_seconds: float = 60.0
) -> tuple[Program, ExchangeView]:
    """Thirty bars; `disturb` is called after the sixth forecast."""
    with exchange(
        folder, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=4, LIVE_BARS=BARS, FAULTS="true"
    ) as address:
        async with ScriptedApi() as api:
            program = bot(
                folder,
                address,
                api.url,
                MAX_BARS=BARS,
                WATCH_SECONDS=0.5,
                SILENCE_SECONDS=silence_seconds,
            )
            try:
                await until_async(lambda: len(api.asked) >= 6, "six forecasts")
                await disturb(address, program)
                await until_async(lambda: program.status is not None, "the end", 90)
            finally:
                program.end()
        return program, await ExchangeView.fetch(address)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"disconnect": True}, id="a-disconnect"),
        pytest.param({"dropped_bars": 2}, id="lost-frames", marks=PROVE),
        pytest.param({"duplicated_bars": 3}, id="duplicated-frames", marks=PROVE),
        pytest.param({"late_bars": 2}, id="late-frames", marks=PROVE),
        pytest.param({"server_errors": 4}, id="server-errors", marks=PROVE),
        pytest.param({"too_many_requests": 3}, id="too-many-requests", marks=PROVE),
        pytest.param({"partial_fill_fraction": "0.4"}, id="fills-in-parts", marks=PROVE),
    ],
)
async def test_every_bar_is_decided_and_the_books_agree_through(
    faults: dict[str, object], tmp_path: Path
) -> None:
    async def disturb(address: str, _: Program) -> None:
        inject(address, **faults)

    program, view = await traded_through(tmp_path, disturb)
    assert program.status == 0, program.text()[-3000:]
    ledger = tmp_path / "ledger.db"
    assert read_summary(ledger).bars_decided == BARS
    assert_agreement(ledger, view)


async def test_an_order_accepted_but_not_answered_is_found_by_its_id(tmp_path: Path) -> None:
    async def disturb(address: str, _: Program) -> None:
        inject(address, unanswered_orders=1, unanswered_seconds=0.5)

    program, view = await traded_through(tmp_path, disturb)
    assert program.status == 0, program.text()[-3000:]
    ledger = tmp_path / "ledger.db"
    assert "was accepted by the exchange" in program.text()
    found = rows(ledger, "SELECT * FROM intents WHERE answer = 'found by its id'")
    assert [row["status"] for row in found] == ["accepted"]
    assert_agreement(ledger, view)


@PROVE
async def test_a_silent_stream_is_reconnected_and_its_bars_fetched(tmp_path: Path) -> None:
    async def disturb(address: str, _: Program) -> None:
        inject(address, silent_bars=8)

    program, view = await traded_through(tmp_path, disturb, silence_seconds=0.8)
    assert program.status == 0, program.text()[-3000:]
    assert "no frame for 0.8 s" in program.text()
    assert read_summary(tmp_path / "ledger.db").bars_decided == BARS
    assert_agreement(tmp_path / "ledger.db", view)


@PROVE
async def test_an_outage_of_the_exchange_places_no_order_blindly(tmp_path: Path) -> None:
    async def disturb(address: str, _: Program) -> None:
        inject(address, outage_seconds=2.5)

    program, view = await traded_through(tmp_path, disturb)
    assert program.status == 0, program.text()[-3000:]
    assert read_summary(tmp_path / "ledger.db").bars_decided == BARS
    assert_agreement(tmp_path / "ledger.db", view)


async def test_a_partly_filled_entry_is_taken_back_and_protected_within_seconds(
    tmp_path: Path,
) -> None:
    """The market moves a third of a second after each part: the bot must see it by itself."""

    def bullish(_: int) -> tuple[tuple[float, ...], float]:
        return (0.85, 0.1, 0.03, 0.02), 1.0

    with exchange(
        tmp_path, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=0.3, LIVE_BARS=3, FAULTS="true"
    ) as address:
        inject(address, partial_fill_fraction="0.4")
        async with ScriptedApi(bullish) as api:
            program = bot(tmp_path, address, api.url, WATCH_SECONDS=0.05, STOP_ATR=10)
            try:
                await until_async(lambda: "protect " in program.text(), "protection", 30)
                await until_async(
                    lambda: rows(
                        tmp_path / "ledger.db",
                        "SELECT 1 FROM orders WHERE client_id LIKE '%s_' AND status = 'NEW'",
                    ),
                    "its acceptance",
                )
                program.terminate()
                await until_async(lambda: program.status is not None, "the end", 30)
            finally:
                program.end()
        view = await ExchangeView.fetch(address)
    assert_agreement(tmp_path / "ledger.db", view)
    ends = {
        row["status"]
        for row in rows(tmp_path / "ledger.db", "SELECT status FROM orders WHERE leg = 'e'")
    }
    assert ends == {"CANCELED"}
    held = sum(fill.quantity for fill in view.fills)
    stops = [order.quantity for order in view.open_orders if order.type == "STOP_LOSS"]
    assert len(stops) == 1
    assert held * Decimal("0.998") <= stops[0] <= held


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
async def test_a_ledger_without_room_stops_orders_until_there_is_room_again(
    tmp_path: Path,
) -> None:
    ledger = tmp_path / "ledger.db"

    async def disturb(address: str, program: Program) -> None:
        room = (tmp_path / "ledger.db-wal").stat().st_size
        unlimited = resource.prlimit(program.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (room, unlimited[1]))
        await until_async(lambda: "nothing was written" in program.text(), "its word")
        before = await ExchangeView.fetch(address)
        decided = rows(ledger, "SELECT count(*) AS n FROM decisions")[0]["n"]
        await asyncio.sleep(2)
        after = await ExchangeView.fetch(address)
        assert after.names == before.names, "an order was sent that the ledger does not hold"
        assert rows(ledger, "SELECT count(*) AS n FROM decisions")[0]["n"] == decided
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, unlimited)

    program, view = await traded_through(tmp_path, disturb)
    assert program.status == 0, program.text()[-3000:]
    assert read_summary(ledger).bars_decided == BARS
    assert_agreement(ledger, view)
