"""A copy of the ledger from before a purchase is put back: nothing is bought twice."""

from pathlib import Path

import pytest
from tests.integration.account import ExchangeView, rows, state_of
from tests.integration.programs import bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, ScriptedApi

from tradinglab.adapters.ledger.backup import backup

pytestmark = pytest.mark.timeout(120)
EVEN = ((0.25, 0.25, 0.25, 0.25), 0.0)
BUY = (BULLISH, 1.0)
BOUGHT = "SELECT 1 FROM fills WHERE side = 'BUY'"
DECIDED = "SELECT 1 FROM decisions"


def put_back(copy: Path, ledger: Path) -> None:
    for file in ledger.parent.glob("ledger.db*"):
        file.unlink()
    copy.rename(ledger)


async def test_a_position_bought_after_the_copy_is_adopted_and_not_bought_again(
    tmp_path: Path,
) -> None:
    ledger, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    with exchange(tmp_path, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=4) as address:
        async with ScriptedApi(lambda _: EVEN) as api:
            first = bot(tmp_path, address, api.url, STOP_ATR=30, WATCH_SECONDS=0.2)
            try:
                await until_async(lambda: len(api.asked) >= 3, "three forecasts")
                backup(ledger, copy)
                api.view = lambda _: BUY
                await until_async(lambda: rows(ledger, BOUGHT), "a position")
                first.terminate()
                await until_async(lambda: first.status is not None, "the end", 20)
            finally:
                first.end()
            before = await ExchangeView.fetch(address)
            put_back(copy, ledger)
            decided = len(rows(ledger, DECIDED))
            second = bot(tmp_path, address, api.url, STOP_ATR=30, WATCH_SECONDS=0.2)
            try:
                await until_async(lambda: len(rows(ledger, DECIDED)) >= decided + 8, "bars")
                second.terminate()
                await until_async(lambda: second.status is not None, "the end", 20)
            finally:
                second.end()
        after = await ExchangeView.fetch(address)
    assert second.status == 0, second.text()[-3000:]
    assert "the ledger is older than the account: adopted" in second.text()
    assert "came from outside" not in second.text()
    bought = [fill for fill in after.fills if fill.side == "BUY"]
    assert bought == [fill for fill in before.fills if fill.side == "BUY"]
    state = state_of(ledger)
    assert state.position is not None
    assert (state.quote, state.base) == (after.account.total("USDT"), after.account.total("BTC"))
    assert [order.type for order in after.open_orders if order.type == "STOP_LOSS"]
