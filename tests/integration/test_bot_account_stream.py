"""The account's own stream over real sockets: fills are booked at once, not at the next look."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.account import ExchangeView, assert_agreement, rows
from tests.integration.programs import Program, bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, ScriptedApi
from tests.integration.test_bot_faults import inject

pytestmark = pytest.mark.timeout(120)


def after_the_fill(program: Program) -> list[dict[str, Any]]:
    lines = program.lines()
    found = [n for n, line in enumerate(lines) if "bought" in line["message"]]
    return lines[found[0] :] if found else []


async def test_a_fill_between_bars_is_booked_by_the_stream_without_polling(tmp_path: Path) -> None:
    """Bars are three seconds apart and the next look at REST would come after ten minutes."""
    with exchange(
        tmp_path, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=0.3, LIVE_BARS=4, FAULTS="true"
    ) as address:
        async with ScriptedApi(lambda _: (BULLISH, 1.0)) as api:
            program = bot(tmp_path, address, api.url, WATCH_SECONDS=600, STOP_ATR=10)
            try:
                ledger = tmp_path / "ledger.db"
                await until_async(lambda: "account stream connected" in program.text(), "stream")
                await until_async(
                    lambda: rows(ledger, "SELECT 1 FROM fills WHERE side = 'BUY'"), "a fill"
                )
                inject(address, disconnect=True)
                await until_async(
                    lambda: program.text().count("account stream connected") == 2, "another stream"
                )
                await until_async(
                    lambda: [
                        line for line in after_the_fill(program) if "equity" in line["message"]
                    ],
                    "the bar after the fill",
                )
                program.terminate()
                await until_async(lambda: program.status is not None, "the end", 30)
            finally:
                program.end()
        await asyncio.sleep(0.1)
        view = await ExchangeView.fetch(address)
    assert program.status == 0, program.text()[-3000:]
    assert_agreement(tmp_path / "ledger.db", view)
    fill, *later = after_the_fill(program)
    bar = next(line for line in later if "equity" in line["message"])
    waited = datetime.fromisoformat(bar["time"]) - datetime.fromisoformat(fill["time"])
    assert waited.total_seconds() > 0.25, "the fill was booked no sooner than the next bar's look"
