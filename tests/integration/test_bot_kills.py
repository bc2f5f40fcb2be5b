"""SIGKILL at chosen points of the bot's work: nothing is lost, doubled or left unprotected."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.integration.account import ExchangeView, assert_agreement, newest_bar, rows
from tests.integration.programs import Program, bot, exchange, until_async
from tests.integration.scripted_api import ScriptedApi
from tests.integration.test_bot_faults import inject

from tradinglab.adapters.ledger import read_summary

KILLABLE = "tests.integration.killable_bot"
REST_SECONDS = 1.0
BARS = 14
SENDS = tuple(
    f"{side} {what}:1" for what in ("enter", "exit", "cancel") for side in ("before", "after")
)


async def killed_at(
    point: str, folder: Path, address: str, api: ScriptedApi, **settings: object
) -> str:
    """Runs the bot until it kills itself, or kills it after some seconds; returns the point."""
    values = {"WATCH_SECONDS": 0.3, **settings}
    program = bot(folder, address, api.url, KILLABLE, {"KILL_AT": point}, **values)
    try:
        await asyncio.to_thread(program.wait, 15)
    except AssertionError:
        program.kill()
        return "idle"
    lines = [line for line in program.lines() if line["message"] == "killed"]
    assert program.status == -9, program.text()[-3000:]
    return str(lines[-1]["point"])


async def market_at_rest(address: str) -> None:
    """Until the newest bar has stood still for a while."""
    seen: object = None
    for _ in range(600):
        now = await newest_bar(address)
        if now == seen:
            return
        seen = now
        await asyncio.sleep(REST_SECONDS)
    raise AssertionError("the market never came to rest")


async def settle(folder: Path, address: str, api: ScriptedApi) -> Program:
    """A last run, without a kill, on the market at rest: it reconciles and is told to end."""
    program = bot(folder, address, api.url, WATCH_SECONDS=0.3)
    loaded = program.text().count('"history loaded"')
    ledger = folder / "ledger.db"
    try:
        await until_async(lambda: program.text().count('"history loaded"') > loaded, "a restart")
        await until_async(
            lambda: (
                time.time() - program.log.stat().st_mtime > REST_SECONDS
                and not rows(ledger, "SELECT id FROM intents WHERE status = 'written'")
            ),
            "every intent to have an answer",
        )
        program.terminate()
        await until_async(lambda: program.status is not None, "the end", 30)
    finally:
        program.end()
    return program


async def killed_then_settled(
    point: str, folder: Path, fault: dict[str, object] | None = None, **settings: object
) -> None:
    market = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 6, "LIVE_BARS": BARS}
    with exchange(folder, **market, FAULTS="true") as address:
        if fault is not None:
            await asyncio.to_thread(inject, address, **fault)
        async with ScriptedApi() as api:
            assert await killed_at(point, folder, address, api, **settings) != "idle"
            await market_at_rest(address)
            last = await settle(folder, address, api)
        view = await ExchangeView.fetch(address)
    assert last.status == 0, last.text()[-3000:]
    assert_agreement(folder / "ledger.db", view)
    assert read_summary(folder / "ledger.db").bars_decided == BARS


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", ["before enter:1", "after enter:1", "before exit:1"])
async def test_a_kill_around_a_send_loses_and_doubles_nothing(point: str, tmp_path: Path) -> None:
    await killed_then_settled(point, tmp_path)


@pytest.mark.prove
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "point",
    [
        *(f"{side} commit:{count}" for count in range(1, 8) for side in ("before", "after")),
        "before cancel:1",
        "after cancel:1",
        "after exit:1",
    ],
)
async def test_a_kill_at_any_early_point_loses_and_doubles_nothing(
    point: str, tmp_path: Path
) -> None:
    await killed_then_settled(point, tmp_path)


@pytest.mark.prove
@pytest.mark.timeout(120)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_kill_around_a_stop_that_is_raised_loses_and_doubles_nothing(
    side: str, tmp_path: Path
) -> None:
    trailing = {"TRAILING_ATR": 1.0, "TRAILING_BARS": 3, "TRAILING_STEP_ATR": 0}
    await killed_then_settled(f"{side} stop:1", tmp_path, **trailing)


@pytest.mark.prove
@pytest.mark.timeout(120)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_kill_around_the_protection_of_a_part_loses_and_doubles_nothing(
    side: str, tmp_path: Path
) -> None:
    in_parts: dict[str, object] = {"partial_fill_fraction": "0.4"}
    await killed_then_settled(f"{side} protect:1", tmp_path, in_parts)


@pytest.mark.prove
@pytest.mark.timeout(1800)
async def test_a_bot_killed_over_and_over_keeps_its_books(tmp_path: Path) -> None:
    """One ledger, one market with entries, exits and stops, a kill every few bars."""
    with exchange(
        tmp_path, SEED=11, HISTORY_BARS=1500, BARS_PER_SECOND=2, LIVE_BARS=500
    ) as address:
        async with ScriptedApi() as api:
            names = [await killed_at(point, tmp_path, address, api) for point in SENDS * 4]
            await market_at_rest(address)
            last = await settle(tmp_path, address, api)
        view = await ExchangeView.fetch(address)
    assert last.status == 0, last.text()[-3000:]
    assert len(set(names) - {"idle"}) >= 5
    assert_agreement(tmp_path / "ledger.db", view)
