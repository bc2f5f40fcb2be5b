"""The program: its help, its exit statuses, and what it says about wrong settings."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.exchange.running import ccxt_client, environment, exchange, start, stop


def run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradinglab_exchange.main", *arguments],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_help_lists_the_settings() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for name in ("LISTEN", "SOURCE", "BARS_PER_SECOND", "STATE", "API_SECRET"):
        assert f"TRADINGLAB_{name}" in shown.stdout
    assert "demo-secret" not in shown.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_with_status_0(number: signal.Signals) -> None:
    program = start()
    try:
        program.process.send_signal(number)
        assert program.process.wait(timeout=10) == 0
    finally:
        stop(program)


@pytest.mark.parametrize(
    ("settings", "status", "told"),
    [
        ({"sped": "3"}, 2, "TRADINGLAB_SPED is not a setting"),
        ({"timeframe": "7m"}, 2, "TRADINGLAB_TIMEFRAME: Value error, expected one of 1s"),
        ({"source": "bars"}, 2, "TRADINGLAB_BARS: Value error, needed when the source is bars"),
        ({"source": "mirror"}, 2, "TRADINGLAB_UPSTREAM_REST_URL: Value error, needed"),
        ({"source": "bars", "bars": "/nowhere.csv"}, 2, "/nowhere.csv does not exist"),
        ({"state": "/proc/none/state.db"}, 3, "/proc/none/state.db"),
        (
            {
                "source": "mirror",
                "upstream_rest_url": "http://127.0.0.1:9",
                "upstream_stream_url": "ws://127.0.0.1:9",
            },
            3,
            "http://127.0.0.1:9/api/v3/klines",
        ),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, str], status: int, told: str) -> None:
    ended = run(**settings)
    assert ended.returncode == status, ended.stderr
    assert told in ended.stderr


def test_port_in_use_is_named() -> None:
    with exchange() as program:
        ended = run(listen=program.address)
    assert ended.returncode == 2
    assert program.address in ended.stderr


def test_recorded_bars_are_replayed_and_end(tmp_path: Path) -> None:
    hour = 3_600_000
    rows = [f"{hour * i},{100 + i},{102 + i},{99 + i},{101 + i},5.5" for i in range(1, 21)]
    file = tmp_path / "bars.csv"
    file.write_text("timestamp_ms,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    with exchange(
        source="bars",
        bars=file,
        history_bars=10,
        live_bars=5,
        hold_until_subscribed="false",
    ) as program:
        assert program.wait_for("market ended")["bars"] == 5
        shown = ccxt_client(program).fetch_ohlcv("BTC/USDT", "1h", limit=100)
    assert [row[0] // hour for row in shown] == list(range(1, 17))
    assert shown[14] == [hour * 15, 115, 117, 114, 116, 5.5]
    assert shown[15] == [hour * 16, 116, 116, 116, 116, 0]
