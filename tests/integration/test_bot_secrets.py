"""Keys and tokens appear nowhere: not in debug logs, alerts, the ledger, metrics or errors."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from tests.integration.programs import KEY, SECRET, bot, exchange, until_async
from tests.integration.scripted_api import ScriptedApi
from tests.integration.test_bot_faults import inject

pytestmark = pytest.mark.timeout(120)
TOKEN, API_KEY = "42:marker-token-77aa", "marker-api-key-55bb"
SECRETS = (KEY, SECRET, TOKEN, TOKEN.partition(":")[2], API_KEY)


def assert_untold(folder: Path) -> None:
    ledger = b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))
    assert ledger
    for secret in SECRETS:
        assert secret.encode() not in ledger


async def test_no_secret_is_told_while_everything_fails_at_debug_level(tmp_path: Path) -> None:
    settings = {
        "LOG_LEVEL": "DEBUG",
        "LOG_FILE": tmp_path / "rotated" / "bot.log",
        "API_KEY": API_KEY,
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_CHAT": "1",
        "TELEGRAM_URL": "http://127.0.0.1:9",
        "LISTEN": "127.0.0.1:0",
        "WATCH_SECONDS": 0.3,
    }
    with exchange(tmp_path, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=4, FAULTS="true") as address:
        async with ScriptedApi() as api:
            program = bot(tmp_path, address, api.url, **settings)
            try:
                await until_async(lambda: len(api.asked) >= 4, "four forecasts")
                await asyncio.to_thread(
                    inject, address, server_error_fraction=0.5, broken_answers=2, disconnect=True,
                    unanswered_orders=1, unanswered_seconds=0.3,
                )  # fmt: skip
                api.failing = True
                await asyncio.sleep(3)
                program.terminate()
                await until_async(lambda: program.status is not None, "the end", 40)
            finally:
                program.end()
    told = program.text() + (tmp_path / "rotated" / "bot.log").read_text()
    assert '"level": "DEBUG"' in told
    for secret in SECRETS:
        assert secret not in told
    assert_untold(tmp_path)


@pytest.mark.parametrize("wrong", ["EXCHANGE_KEY", "EXCHANGE_SECRET"])
async def test_a_wrong_key_is_refused_without_being_told(wrong: str, tmp_path: Path) -> None:
    marker = "marker-wrong-3c3c"
    with exchange(tmp_path, SEED=7, HISTORY_BARS=1500) as address:
        async with ScriptedApi() as api:
            program = bot(tmp_path, address, api.url, **{wrong: marker})
            try:
                await until_async(lambda: program.status is not None, "its refusal", 40)
            finally:
                program.end()
    assert program.status == 2, program.text()
    assert "expected a valid key and secret" in program.text()
    assert marker not in program.text()
    assert SECRET not in program.text()


async def test_metrics_over_http_tell_the_run_and_no_secret(tmp_path: Path) -> None:
    with exchange(tmp_path, SEED=7, HISTORY_BARS=1500, BARS_PER_SECOND=4) as address:
        async with ScriptedApi() as api:
            port = await free_port()
            program = bot(tmp_path, address, api.url, LISTEN=f"127.0.0.1:{port}")
            try:
                await until_async(lambda: len(api.asked) >= 4, "four forecasts")
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.get(f"http://127.0.0.1:{port}/metrics")
                    ready = await client.get(f"http://127.0.0.1:{port}/readyz")
            finally:
                program.end()
    assert ready.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = dict(re.findall(r"^(tradinglab_bot_\w+) (\S+)$", answer.text, re.MULTILINE))
    assert float(values["tradinglab_bot_equity"]) > 9_000
    assert float(values["tradinglab_bot_decisions_total"]) >= 3
    assert float(values["tradinglab_bot_account_stream_up"]) == 1
    assert 'stage="close_to_order"' in answer.text
    assert not any(secret in answer.text for secret in SECRETS)


async def free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port
