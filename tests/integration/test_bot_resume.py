"""A halt because coins are gone, ended by a person: the bot trades on with what is there."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.account import MARKET, ExchangeView, rows, state_of
from tests.integration.programs import KEY, SECRET, bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, ScriptedApi

from tradinglab.adapters.binance.broker import BinanceBroker
from tradinglab.adapters.binance.client import Caller, make_client
from tradinglab.domain.order import ExitIntent
from tradinglab.engine.state import TradingMode
from tradinglab.ports.broker import OrderIds

pytestmark = pytest.mark.timeout(120)


def always_bullish(_: int) -> tuple[tuple[float, ...], float]:
    return BULLISH, 1.0


async def sell_all_by_hand(address: str) -> None:
    caller = Caller(make_client(f"http://{address}", KEY, SECRET))
    try:
        broker = BinanceBroker(caller, MARKET)
        for order in await broker.open_orders():
            await broker.cancel(order)
        held = (await broker.rules()).floor_quantity((await broker.account()).total("BTC"))
        await broker.exit(ExitIntent(held, None), OrderIds("by-hand"))
    finally:
        await caller.close()


async def test_a_halt_over_missing_coins_ends_when_a_person_resumes(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with exchange(tmp_path, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=4) as address:
        async with ScriptedApi(always_bullish) as api:
            program = bot(tmp_path, address, api.url, STOP_ATR=30, COOLDOWN_BARS=0)
            try:
                await until_async(lambda: "bought" in program.text(), "an entry to fill")
                program.terminate()
                await until_async(lambda: program.status is not None, "the end", 20)
            finally:
                program.end()
            await sell_all_by_hand(address)

            halted = bot(tmp_path, address, api.url, MAX_BARS=2, STOP_ATR=30, COOLDOWN_BARS=0)
            try:
                await until_async(lambda: halted.status is not None, "two bars")
            finally:
                halted.end()
            assert halted.status == 0, halted.text()[-3000:]
            assert state_of(ledger).mode is TradingMode.HALTED
            reasons = [row["reason"] for row in rows(ledger, "SELECT reason FROM decisions")]
            assert reasons[-1] == "HALTED"

            resumed = bot(tmp_path, address, api.url, arguments=("--resume",))
            try:
                await until_async(lambda: resumed.status is not None, "its answer", 20)
            finally:
                resumed.end()
            assert resumed.status == 0, resumed.text()[-3000:]

            entries = len(rows(ledger, "SELECT 1 FROM orders WHERE leg = 'e'"))
            last = bot(tmp_path, address, api.url, STOP_ATR=30, COOLDOWN_BARS=0)
            try:
                await until_async(
                    lambda: len(rows(ledger, "SELECT 1 FROM orders WHERE leg = 'e'")) > entries,
                    "a new entry",
                )
                last.terminate()
                await until_async(lambda: last.status is not None, "the end", 20)
            finally:
                last.end()
            assert last.status == 0, last.text()[-3000:]
        view = await ExchangeView.fetch(address)
    state = state_of(ledger)
    assert state.mode is TradingMode.NORMAL
    assert state.base == view.account.total("BTC")
    assert state.dust < Decimal("0.00002")
