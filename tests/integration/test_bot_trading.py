"""The bot against the exchange program over loopback: every bar decided, orders, fills, books."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.account import ExchangeView, assert_agreement, rows
from tests.integration.programs import KEY, SECRET, bot, exchange, until_async
from tests.integration.scripted_api import BULLISH, FIRST, HOUR, SECOND, ScriptedApi

from tradinglab.adapters.ledger import read_summary

pytestmark = pytest.mark.timeout(120)
MARKET = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 8}


async def test_every_bar_is_decided_and_trades_settle_to_the_last_digit(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET, LIVE_BARS=48) as address:
        async with ScriptedApi() as api:
            program = bot(tmp_path, address, api.url, MAX_BARS=48)
            try:
                await until_async(lambda: program.status is not None, "48 bars")
            finally:
                program.end()
        assert program.status == 0, program.text()
        view = await ExchangeView.fetch(address)
    ledger = tmp_path / "ledger.db"
    summary = read_summary(ledger)
    assert (summary.bars_decided, summary.forecasts) == (48, 48)
    assert summary.entries >= 3
    assert summary.trades >= 2
    assert_agreement(ledger, view)
    times = [row["bar_open_time"] for row in rows(ledger, "SELECT bar_open_time FROM decisions")]
    assert times == list(range(times[0], times[0] + 48 * HOUR, HOUR))
    assert all(row["status"] != "written" for row in rows(ledger, "SELECT status FROM intents"))
    assert SECRET not in program.text()
    assert KEY not in program.text()


async def test_a_new_artifact_is_followed_without_losing_a_bar(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET, LIVE_BARS=24) as address:
        async with ScriptedApi() as api:
            program = bot(tmp_path, address, api.url, MAX_BARS=24)
            try:
                await until_async(lambda: len(api.asked) >= 10, "ten forecasts")
                api.digest = SECOND
                await until_async(lambda: program.status is not None, "24 bars")
            finally:
                program.end()
    assert program.status == 0, program.text()
    summary = read_summary(tmp_path / "ledger.db")
    assert (summary.bars_decided, summary.forecasts) == (24, 24)
    assert summary.digests == (FIRST, SECOND)


async def test_sigterm_ends_the_bot_and_leaves_the_stop_at_the_exchange(tmp_path: Path) -> None:
    def always_bullish(_: int) -> tuple[tuple[float, ...], float]:
        return (0.85, 0.1, 0.03, 0.02), 1.0

    with exchange(tmp_path, **{**MARKET, "BARS_PER_SECOND": 2}) as address:
        async with ScriptedApi(always_bullish) as api:
            program = bot(tmp_path, address, api.url, STOP_ATR=30, COOLDOWN_BARS=0)
            try:
                await until_async(
                    lambda: any("bought" in line["message"] for line in program.lines()),
                    "an entry to fill",
                )
                program.terminate()
                await until_async(lambda: program.status is not None, "the bot to end", 20)
            finally:
                program.end()
            view = await ExchangeView.fetch(address)
    assert program.status == 0, program.text()
    assert {order.type for order in view.open_orders} == {"STOP_LOSS", "LIMIT_MAKER"}
    assert [
        alert["kind"]
        for alert in rows(
            tmp_path / "ledger.db", "SELECT kind FROM outbox ORDER BY id DESC LIMIT 1"
        )
    ] == ["stop"]


async def test_without_an_api_the_bot_waits_and_says_so_once(tmp_path: Path) -> None:
    program = bot(tmp_path, "127.0.0.1:9", "http://127.0.0.1:9")
    try:
        await until_async(lambda: "waiting for the API" in program.text(), "its word")
        program.terminate()
        assert program.wait(20) == 0
    finally:
        program.end()
    assert program.text().count("waiting for the API") == 1


async def test_an_api_that_goes_away_leaves_decisions_without_forecast(tmp_path: Path) -> None:
    with exchange(tmp_path, **MARKET, LIVE_BARS=20) as address:
        async with ScriptedApi() as api:
            program = bot(tmp_path, address, api.url, MAX_BARS=20, FORECAST_SECONDS=0.2)
            await until_async(lambda: len(api.asked) >= 6, "six forecasts")
        try:
            assert program.wait(60) == 0, program.text()
        finally:
            program.end()
        view = await ExchangeView.fetch(address)
    summary = read_summary(tmp_path / "ledger.db")
    assert summary.bars_decided == 20
    assert 6 <= summary.forecasts < 20
    assert summary.decisions_by_reason["FORECAST_MISSING"] == 20 - summary.forecasts
    assert_agreement(tmp_path / "ledger.db", view)


async def test_a_trailing_stop_is_raised_at_the_exchange_and_the_books_agree(
    tmp_path: Path,
) -> None:
    with exchange(tmp_path, **MARKET, LIVE_BARS=40) as address:
        async with ScriptedApi(lambda _: (BULLISH, 1.0)) as api:
            program = bot(tmp_path, address, api.url, MAX_BARS=40, TRAILING_ATR=1.5)
            try:
                await until_async(lambda: program.status is not None, "40 bars")
            finally:
                program.end()
        assert program.status == 0, program.text()
        view = await ExchangeView.fetch(address)
    ledger = tmp_path / "ledger.db"
    raised = rows(ledger, "SELECT * FROM intents WHERE kind = 'stop' AND status = 'accepted'")
    assert len(raised) >= 2
    prices = [
        Decimal(row["stop_price"])
        for row in rows(
            ledger,
            "SELECT o.stop_price FROM orders o JOIN intents i ON i.id = o.intent_id "
            "WHERE i.kind = 'stop' ORDER BY o.exchange_id",
        )
    ]
    assert all(price > 0 for price in prices)
    assert_agreement(ledger, view)
