"""The bot with the real inference API, the exchange program and Telegram's stand-in."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.api.artifacts import MODEL, small_artifact
from tests.integration.account import ExchangeView, assert_agreement, rows
from tests.integration.programs import ROOT, Program, bot, exchange, until

from tradinglab.adapters.ledger import read_summary

pytestmark = pytest.mark.timeout(120)
TOKEN = "100000001:stand-in"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """URL and digest."""
    artifact = small_artifact(tmp_path / "volume")
    program = Program(
        "tradinglab_api.main",
        tmp_path / "api.log",
        {
            "VOLUME": tmp_path / "volume",
            "MODEL": MODEL,
            "DIGEST": artifact.digest,
            "LISTEN": "127.0.0.1:0",
        },
    )
    try:
        listen = until(
            lambda: next((line["listen"] for line in program.lines() if "listen" in line), None),
            f"the API to serve: {program.text()}",
        )
        yield f"http://{listen}", artifact.digest
    finally:
        program.end()


@pytest.fixture
def chat() -> Iterator[str]:
    """The stand-in's root; its first two answers fail."""
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "tests/stand_ins/telegram_stand_in.py"),
            *("--port", "0", "--no-limits", "--fail", "500:1", "--fail", "429:1"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+", line)
        assert found, line
        yield found[0]
    finally:
        process.terminate()
        process.wait(5)


def stream_requests(url: str) -> dict[str, float]:
    """By status: what the bot asked of its stream."""
    pattern = r'requests_total\{route="/v1/streams/<stream>",status="(\d+)"\} (\S+)'
    found = re.findall(pattern, httpx.get(f"{url}/metrics").text)
    return {status: float(count) for status, count in found}


def test_forecasts_come_from_the_artifact_and_alerts_arrive_once_in_order(
    tmp_path: Path, api: tuple[str, str], chat: str
) -> None:
    url, digest = api
    with exchange(tmp_path, SEED=7, HISTORY_BARS=2000, BARS_PER_SECOND=4, LIVE_BARS=40) as address:
        program = bot(
            tmp_path,
            address,
            url,
            MAX_BARS=40,
            TELEGRAM_TOKEN=TOKEN,
            TELEGRAM_CHAT=1,
            TELEGRAM_URL=chat,
            LISTEN="127.0.0.1:0",
        )
        try:
            assert program.wait(60) == 0, program.text()[-3000:]
        finally:
            program.end()
        received = [
            message["text"] or message["caption"]
            for message in httpx.get(f"{chat}/received").json()
        ]
        view = asyncio.run(ExchangeView.fetch(address))
    assert stream_requests(url) == {"200": 40.0, "409": 1.0}  # cold once, then a row a bar
    ledger = tmp_path / "ledger.db"
    summary = read_summary(ledger)
    assert (summary.bars_decided, summary.forecasts) == (40, 40)
    assert summary.digests == (digest,)
    assert_agreement(ledger, view)
    sent = [row["text"] for row in rows(ledger, "SELECT text FROM outbox ORDER BY id")]
    assert "\n".join(received) == "\n".join(sent[: len(sent) - summary.alerts_waiting])
    assert received[0].startswith("balance")
    assert "\nbot started on BTC/USDT 1h" in "\n".join(received)
    assert TOKEN not in program.text()
