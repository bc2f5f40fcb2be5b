"""Every fault at every moment over real sockets: the books agree, and a position has its stop.

The moment: just before a buy, just before a sale, or while nothing is to be done.
"""

import asyncio
import time
import urllib.request
from pathlib import Path

import pytest
from tests.integration.account import ExchangeView, assert_agreement, rows, state_of
from tests.integration.fault_matrix import FAULTS, MOMENTS, SAMPLE
from tests.integration.programs import Program, bot, exchange, until_async
from tests.integration.scripted_api import BEARISH, BULLISH, ScriptedApi
from tests.integration.test_bot_faults import inject

pytestmark = pytest.mark.timeout(150)
BARS = 24
EVEN = ((0.25, 0.25, 0.25, 0.25), 0.0)
BUY, SELL = (BULLISH, 1.0), (BEARISH, -2.0)
LASTS_SECONDS = 2.0
QUIET_SECONDS = 1.5
CELLS = [(fault, moment) for fault in FAULTS for moment in MOMENTS]


def reset(address: str) -> None:
    request = urllib.request.Request(f"http://{address}/_faults", method="DELETE")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def holds(folder: Path) -> bool:
    return (folder / "ledger.db").exists() and bool(
        rows(folder / "ledger.db", "SELECT 1 FROM fills WHERE side = 'BUY'")
    )


async def strike(name: str, moment: str, folder: Path, api: ScriptedApi, address: str) -> None:
    fault = FAULTS[name]
    await until_async(lambda: len(api.asked) >= 3, "three forecasts")
    if moment == "exit":
        api.view = lambda _: BUY
        await until_async(lambda: holds(folder), "a position")
    if fault.injected:
        await asyncio.to_thread(inject, address, **fault.injected)
    api.failing = fault.api_fails
    api.view = lambda _: {"entry": BUY, "exit": SELL, "idle": EVEN}[moment]
    await asyncio.sleep(LASTS_SECONDS)
    await asyncio.to_thread(reset, address)
    api.failing = False


async def survives(name: str, moment: str, folder: Path) -> None:
    fault, ledger = FAULTS[name], folder / "ledger.db"
    market = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 4, "LIVE_BARS": BARS}
    with exchange(folder, **market, FAULTS="true") as address:
        async with ScriptedApi(lambda _: EVEN) as api:
            settings = {"WATCH_SECONDS": 0.5, "STOP_ATR": 6, **fault.settings}
            program = bot(folder, address, api.url, **settings)
            try:
                await strike(name, moment, folder, api, address)
                await until_async(
                    lambda: at_rest(program, ledger, BARS - fault.bars_lost), "the bars", 60
                )
                await protected(ledger)
                program.terminate()
                await until_async(lambda: program.status is not None, "the end", 30)
            finally:
                program.end()
        view = await ExchangeView.fetch(address)
    judge(program, ledger, view)


def at_rest(program: Program, ledger: Path, bars: int) -> bool:
    """Every bar is decided, every intent answered, and nothing is told any more."""
    if time.time() - program.log.stat().st_mtime < QUIET_SECONDS:
        return False
    decided = rows(ledger, "SELECT count(*) AS n FROM decisions")[0]["n"]
    return decided >= bars and not rows(ledger, "SELECT 1 FROM intents WHERE status = 'written'")


async def protected(ledger: Path) -> None:
    """A stop is the work of seconds; without a position there is nothing to wait for."""
    await until_async(
        lambda: (
            state_of(ledger).position is None
            or rows(ledger, "SELECT 1 FROM orders WHERE leg = 's' AND is_live = 1")
        ),
        "a stop",
        15,
    )


def judge(program: Program, ledger: Path, view: ExchangeView) -> None:
    assert program.status == 0, program.text()[-3000:]
    assert "Traceback" not in program.text()
    assert_agreement(ledger, view)


@pytest.mark.parametrize(("fault", "moment"), SAMPLE)
async def test_a_fault_leaves_the_books_right_and_the_position_protected(
    fault: str, moment: str, tmp_path: Path
) -> None:
    await survives(fault, moment, tmp_path)


@pytest.mark.prove
@pytest.mark.parametrize(("fault", "moment"), [cell for cell in CELLS if cell not in SAMPLE])
async def test_every_fault_at_every_moment_leaves_the_books_right_and_the_position_protected(
    fault: str, moment: str, tmp_path: Path
) -> None:
    await survives(fault, moment, tmp_path)
