"""Commands to the bot as a program, trading on the exchange: what they do survives a kill."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.integration.account import ExchangeView, assert_agreement, rows
from tests.integration.programs import Program, bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, FIRST, ScriptedApi
from tests.telegram.people import CHAT, People

from tradinglab.adapters.ledger import read_summary

pytestmark = pytest.mark.timeout(120)
MARKET = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 4}


def always_bullish(_: int) -> tuple[tuple[float, ...], float]:
    return BULLISH, 1.0


def started(folder: Path, address: str, api: ScriptedApi, people: People, **more: Any) -> Program:
    return bot(
        folder,
        address,
        api.url,
        TELEGRAM_TOKEN=people.token,
        TELEGRAM_CHAT=CHAT,
        TELEGRAM_URL=people.root,
        COOLDOWN_BARS=0,
        STOP_ATR=30,
        URGENCY_OVERDUE=0,
        **more,
    )


def engine(folder: Path) -> dict[str, Any]:
    found = rows(folder / "ledger.db", "SELECT value FROM state WHERE key = 'engine'")
    return dict(json.loads(found[0]["value"]))


def control_alerts(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "ledger.db") as connection:
        found = connection.execute("SELECT text FROM outbox WHERE kind = 'control' ORDER BY id")
        return [row[0] for row in found]


def holds(folder: Path) -> bool:
    return (folder / "ledger.db").exists() and engine(folder)["position"] is not None


async def confirmed(people: People, command: str) -> None:
    after = len(people.messages.received())
    people.say(command)
    people.press(await people.reply("Really", after), "Yes")


async def test_a_forced_exit_sells_at_the_exchange_and_a_training_is_asked_for(
    tmp_path: Path,
) -> None:
    request = tmp_path / "request"
    with People() as people, exchange(tmp_path, **MARKET) as address:
        async with ScriptedApi(always_bullish) as api:
            program = started(tmp_path, address, api, people, TRAINING_REQUEST_FILE=request)
            try:
                await people.reply("balance")
                await until_async(lambda: holds(tmp_path), "a position")
                people.say("/stopentry")
                await until_async(lambda: engine(tmp_path)["entries_paused"], "the pause")
                await confirmed(people, "/forceexit")
                await until_async(
                    lambda: any("nothing is held" in text for text in control_alerts(tmp_path)),
                    "the end of the exit",
                )
                bars = read_summary(tmp_path / "ledger.db").bars_decided
                await until_async(
                    lambda: read_summary(tmp_path / "ledger.db").bars_decided >= bars + 3,
                    "three bars without an entry",
                )
                await confirmed(people, "/retrain")
                await until_async(request.exists, "the request")
                program.terminate()
                assert program.wait(20) == 0, program.text()[-2000:]
            finally:
                program.end()
            view = await ExchangeView.fetch(address)
    assert view.open_orders == ()
    assert not holds(tmp_path)
    assert_agreement(tmp_path / "ledger.db", view)
    assert read_summary(tmp_path / "ledger.db").decisions_by_reason["PAUSED"] >= 3
    assert request.read_text().startswith(f"{FIRST}: asked for by Person ({CHAT})")
    assert people.token not in program.text()


async def test_a_halt_outlives_a_kill_and_is_made_once(tmp_path: Path) -> None:
    with People() as people, exchange(tmp_path, **MARKET) as address:
        async with ScriptedApi(always_bullish) as api:
            program = started(tmp_path, address, api, people)
            try:
                await people.reply("balance")
                await until_async(lambda: holds(tmp_path), "a position")
                await confirmed(people, "/stop")
                await until_async(lambda: control_alerts(tmp_path), "the halt")
                program.kill()
                unheard = len(people.messages.received())
                program = started(tmp_path, address, api, people)
                bars = read_summary(tmp_path / "ledger.db").bars_decided
                await people.reply("", unheard)
                await until_async(
                    lambda: read_summary(tmp_path / "ledger.db").bars_decided >= bars + 3,
                    "three bars after the restart",
                )
                view = await ExchangeView.fetch(address)
                await people.ask("/status")
                await people.reply("BTC/USDT 1h: HALTED until /start", unheard)
            finally:
                program.end()
    assert engine(tmp_path)["mode"] == "halted"
    assert len(control_alerts(tmp_path)) == 1
    assert {order.type for order in view.open_orders} == {"STOP_LOSS", "LIMIT_MAKER"}
    assert read_summary(tmp_path / "ledger.db").decisions_by_reason["HALTED"] >= 3


@pytest.mark.prove
async def test_a_day_ends_with_a_summary_and_a_picture(tmp_path: Path) -> None:
    market = {**MARKET, "BARS_PER_SECOND": 8}
    with People() as people, exchange(tmp_path, **market, LIVE_BARS=30) as address:
        async with ScriptedApi() as api:
            program = started(tmp_path, address, api, people)
            try:
                await until_async(
                    lambda: [m for m in people.messages.received() if m.get("photo_bytes")],
                    "a picture",
                )
            finally:
                program.end()
    (message, *_) = [each for each in people.messages.received() if each.get("photo_bytes")]
    assert "equity" in message["caption"]
    assert 3_000 < message["photo_bytes"] < 200_000


@pytest.mark.prove
async def test_an_outage_of_telegram_holds_up_no_bar_and_loses_no_alert(tmp_path: Path) -> None:
    with People() as people, exchange(tmp_path, **MARKET, LIVE_BARS=20) as address:
        people.messages.fail_next(["getUpdates/hang:9", "setMyCommands/hang:9", "hang:1", "500:2"])
        async with ScriptedApi() as api:
            program = started(tmp_path, address, api, people, MAX_BARS=20)
            try:
                await until_async(lambda: program.status is not None, "20 bars")
                assert program.status == 0, program.text()[-2000:]
            finally:
                program.end()
            summary = read_summary(tmp_path / "ledger.db")
            assert summary.bars_decided == 20
            assert summary.decisions_by_reason.get("BEHIND", 0) <= 2
            assert summary.alerts_waiting > 0
            people.messages.fail_next([])
            again = started(tmp_path, address, api, people)
            try:
                await until_async(
                    lambda: read_summary(tmp_path / "ledger.db").alerts_waiting == 0,
                    "the alerts",
                )
            finally:
                again.end()
    texts = "\n".join(m["text"] or m["caption"] for m in people.messages.received())
    sent = rows(tmp_path / "ledger.db", "SELECT text FROM outbox WHERE sent_at IS NOT NULL")
    assert all(row["text"] in texts for row in sent)
