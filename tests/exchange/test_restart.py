"""What the last answered request left is there after SIGKILL, and the market goes on."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import websockets
from tests.exchange.running import (
    Program,
    ccxt_client,
    environment,
    exchange,
    start,
    stop,
)

PAIR = "BTC/USDT"


async def bars_until(program: Program, count: int) -> list[int]:
    times: list[int] = []
    async with websockets.connect(f"{program.socket}/ws/btcusdt@kline_1h") as socket:
        while len(times) < count:
            event = json.loads(await asyncio.wait_for(socket.recv(), 10))
            if event["k"]["x"]:
                times.append(event["k"]["t"])
    return times


async def test_account_and_market_survive_sigkill(tmp_path: Path) -> None:
    state = tmp_path / "exchange.db"
    program = start(state=state)
    try:
        client = ccxt_client(program)
        times = await bars_until(program, 5)
        client.create_order(PAIR, "market", "buy", 0.02)
        last = client.fetch_ticker(PAIR)["last"]
        resting = client.create_order(PAIR, "limit", "sell", 0.01, round(1.5 * last, 2))
        balance, trades = client.fetch_balance()["total"], client.fetch_my_trades(PAIR)
    finally:
        program.process.kill()
        program.process.wait(timeout=10)

    with exchange(state=state) as again:
        client = ccxt_client(again)
        assert client.fetch_balance()["total"] == balance
        assert client.fetch_my_trades(PAIR) == trades
        assert [order["id"] for order in client.fetch_open_orders(PAIR)] == [resting["id"]]
        history = client.fetch_ohlcv(PAIR, "1h", limit=1000)
        more = await bars_until(again, 3)
    assert set(times) <= {row[0] for row in history[:-1]}
    assert more[0] == history[-1][0]
    assert more == [more[0] + 3_600_000 * i for i in range(3)]


async def test_bars_are_the_same_with_and_without_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "exchange.db"
    with exchange(state=state) as program:
        await bars_until(program, 4)
    with exchange(state=state) as program:
        await bars_until(program, 4)
        resumed = ccxt_client(program).fetch_ohlcv(PAIR, "1h", limit=1000)[:306]
    with exchange() as program:
        await bars_until(program, 9)
        straight = ccxt_client(program).fetch_ohlcv(PAIR, "1h", limit=1000)[:306]
    assert resumed == straight


def test_orders_placed_after_a_restart_get_new_numbers(tmp_path: Path) -> None:
    numbers = []
    for _ in range(2):
        program = start(state=tmp_path / "exchange.db")
        try:
            placed = ccxt_client(program).create_order(PAIR, "market", "buy", 0.001)
            numbers.append((placed["id"], placed["trades"][0]["id"]))
        finally:
            stop(program)
    assert numbers == [("1", "1"), ("2", "2")]


def test_disk_that_takes_no_more_ends_the_program_and_is_named(tmp_path: Path) -> None:
    state = tmp_path / "exchange.db"
    command = f"ulimit -f 60; exec {sys.executable} -m tradinglab_exchange.main"
    ended = subprocess.run(
        ["bash", "-c", command],
        env=environment(state=state, hold_until_subscribed="false", bars_per_second=2000),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 3, ended.stderr
    assert f"state file {state}" in ended.stderr
