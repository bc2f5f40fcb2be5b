"""Real money needs two opt-ins, a harmless key and limits; a kill switch ends it at once."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.account import ExchangeView, assert_agreement, rows, state_of
from tests.integration.programs import KEY, SECRET, Program, bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, ScriptedApi

pytestmark = pytest.mark.timeout(120)
MARKET = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 4}
LIVE = {
    "LIVE_ENABLED": "true",
    "REQUIRE_TRADEABLE": "true",
    "LIMIT_ORDER_QUOTE": 5_000,
    "LIMIT_DAY_QUOTE": 50_000,
    "LIMIT_POSITION_QUOTE": 5_000,
}
CONFIRM = ("confirm-live", "--account", "1", "--by", "a-person")


async def ended(program: Program, seconds: float = 40) -> str:
    try:
        await until_async(lambda: program.status is not None, "the end", seconds)
    finally:
        program.end()
    return program.text()


async def test_live_trading_is_refused_until_a_person_confirmed_account_and_limits(
    tmp_path: Path,
) -> None:
    with exchange(tmp_path, **MARKET) as address:
        async with ScriptedApi() as api:

            def run(*arguments: str, **changes: object) -> Program:
                return bot(tmp_path, address, api.url, arguments=arguments, **{**LIVE, **changes})

            text = await ended(run())
            assert "not confirmed in the ledger" in text
            text = await ended(run("confirm-live", "--account", "77", "--by", "a-person"))
            assert "the keys open account 1, expected 77" in text
            assert "confirmed: BTC/USDT on account 1" in await ended(run(*CONFIRM))
            text = await ended(run(LIMIT_DAY_QUOTE=60_000))
            assert "60000 a day" in text
            assert '"started' not in text
            text = await ended(run(MAX_BARS=2))
            assert '"live trading"' in text
        view = await ExchangeView.fetch(address)
    assert view.names == []  # an unproven artifact opens nothing
    reasons = {row["reason"] for row in rows(tmp_path / "ledger.db", "SELECT * FROM decisions")}
    assert reasons == {"NOT_TRADEABLE"}


async def test_a_key_that_may_withdraw_is_refused(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET, KEY_MAY_WITHDRAW="true") as address:
        async with ScriptedApi() as api:
            program = bot(tmp_path, address, api.url, arguments=CONFIRM, **LIVE)
            text = await ended(program)
    assert "enableWithdrawals" in text
    assert program.status == 2
    assert KEY not in text
    assert SECRET not in text


async def test_a_dry_start_shows_the_order_it_would_send_and_sends_none(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET, HOLD_UNTIL_SUBSCRIBED="true") as address:
        async with ScriptedApi(lambda _: (BULLISH, 1.0)) as api:
            program = bot(tmp_path, address, api.url, arguments=("dry-start",))
            text = await ended(program)
        view = await ExchangeView.fetch(address)
    assert "would send:" in text
    assert "live trading would be refused: TRADINGLAB_LIVE_ENABLED is false" in text
    assert "live trading would be refused: the model's verdict is" in text
    assert "would not be sent" not in text
    assert program.status == 1
    assert view.names == []
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"LIMIT_ORDER_QUOTE": 6}, "expected at most the hard limit 6"),
        ({"LIMIT_DAY_QUOTE": 6}, "day of"),
        ({"KILL_FILE": "kill"}, "the kill switch is pulled by"),
    ],
)
async def test_a_dry_start_shows_what_the_limits_and_the_kill_switch_would_keep_back(
    setting: dict[str, object], named: str, tmp_path: Path
) -> None:
    (tmp_path / "kill").touch()
    values = {name: tmp_path / "kill" if v == "kill" else v for name, v in setting.items()}
    with exchange(tmp_path, **MARKET, HOLD_UNTIL_SUBSCRIBED="true") as address:
        async with ScriptedApi(lambda _: (BULLISH, 1.0)) as api:
            program = bot(tmp_path, address, api.url, arguments=("dry-start",), **values)
            text = await ended(program)
    assert program.status == 1, text[-3000:]
    told = [line["message"] for line in program.lines()]
    assert [each for each in told if each.startswith("would not be sent") and named in each]


async def test_a_confirmation_waits_for_no_api_where_the_market_is_named(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET) as address:
        nobody = "http://127.0.0.1:9"
        arguments = (*CONFIRM, "--symbol", "BTC/USDT")
        program = bot(tmp_path, address, nobody, arguments=arguments, **LIVE)
        assert "confirmed: BTC/USDT on account 1" in await ended(program, 15)


async def test_the_kill_file_halts_trading_and_leaves_the_stop(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET) as address:
        async with ScriptedApi(lambda _: (BULLISH, 1.0)) as api:
            program = bot(
                tmp_path,
                address,
                api.url,
                STOP_ATR=30,
                KILL_FILE=tmp_path / "kill",
                WATCH_SECONDS=0.3,
            )
            try:
                await until_async(lambda: "bought" in program.text(), "a position")
                (tmp_path / "kill").touch()
                await until_async(
                    lambda: state_of(tmp_path / "ledger.db").mode.value == "halted", "the halt", 10
                )
                await asyncio.sleep(1)
                program.terminate()
                await until_async(lambda: program.status is not None, "the end", 30)
            finally:
                program.end()
        view = await ExchangeView.fetch(address)
    assert [order.type for order in view.open_orders if order.type == "STOP_LOSS"] == ["STOP_LOSS"]
    assert_agreement(tmp_path / "ledger.db", view)
