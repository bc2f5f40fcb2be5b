"""Halts, delisting, bars that never were, deposits, sockets that died without a word."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
import websockets
from tests.exchange.running import (
    STEPPED,
    Program,
    ccxt_client,
    exchange,
    subscribe_request,
)

PAIR = "BTC/USDT"
HOUR = 3_600_000
KLINES = "btcusdt@kline_1h"


@pytest.fixture
def stepped() -> Iterator[Program]:
    with exchange(faults="true", **STEPPED) as program:
        yield program


async def received(socket: websockets.ClientConnection, seconds: float = 10) -> Any:
    return json.loads(await asyncio.wait_for(socket.recv(), seconds))


def open_times(program: Program, limit: int = 12) -> list[int]:
    rows = program.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", limit=limit)
    return [row[0] for row in rows]


def test_market_goes_on_only_when_told(stepped: Program) -> None:
    before = open_times(stepped)
    time.sleep(0.2)
    assert open_times(stepped) == before
    stepped.step(3)
    assert open_times(stepped) == [moment + 3 * HOUR for moment in before]


def test_stepping_a_market_beyond_its_end_says_so() -> None:
    with exchange(**STEPPED, live_bars=3) as program:
        assert [program.step(2), program.step(2), program.step()] == [False, True, True]


def test_missing_bars_are_in_neither_stream_nor_history(stepped: Program) -> None:
    last = open_times(stepped)[-1]
    stepped.faults(missing_bars=2)
    stepped.step(4)
    times = open_times(stepped)
    assert last + HOUR not in times and last + 2 * HOUR not in times
    assert times[-1] == last + 4 * HOUR


def test_halt_stops_trading_and_bars_until_it_ends(stepped: Program) -> None:
    client = ccxt_client(stepped)
    client.load_markets()
    resting = client.create_order(PAIR, "limit", "buy", 0.001, 30_000)
    stepped.faults(symbol_status="HALT")
    assert stepped.get("/api/v3/exchangeInfo")["symbols"][0]["status"] == "HALT"
    assert stepped.get("/sapi/v1/system/status")["status"] == 1
    with pytest.raises(ccxt.MarketClosed):
        client.create_order(PAIR, "market", "buy", 0.001)
    assert client.fetch_open_orders(PAIR)[0]["id"] == resting["id"]
    assert client.cancel_order(resting["id"], PAIR)["status"] == "canceled"
    stepped.faults(symbol_status="TRADING")
    assert client.create_order(PAIR, "market", "buy", 0.001)["status"] == "closed"


def test_rejected_legs_leave_the_entry_without_protection(stepped: Program) -> None:
    stepped.faults(rejected_legs=1)
    last = float(stepped.get("/api/v3/ticker/price", symbol="BTCUSDT")["price"])
    placed = stepped.signed(
        "POST",
        "orderList/otoco",
        symbol="BTCUSDT",
        workingType="LIMIT",
        workingSide="BUY",
        workingPrice=f"{1.001 * last:.2f}",
        workingQuantity="0.01",
        workingTimeInForce="GTC",
        pendingSide="SELL",
        pendingQuantity="0.00999",
        pendingAboveType="LIMIT_MAKER",
        pendingAbovePrice=f"{1.1 * last:.2f}",
        pendingBelowType="STOP_LOSS",
        pendingBelowStopPrice=f"{0.9 * last:.2f}",
    )
    statuses = [report["status"] for report in placed["orderReports"]]
    assert statuses == ["FILLED", "REJECTED", "REJECTED"]
    assert stepped.signed("GET", "openOrders", symbol="BTCUSDT") == []


def test_nothing_moves_or_fills_during_a_halt(stepped: Program) -> None:
    client = ccxt_client(stepped)
    client.load_markets()
    last = client.fetch_ticker(PAIR)["last"]
    client.create_order(PAIR, "limit", "buy", 0.001, round(0.9999 * last, 2))
    stepped.faults(symbol_status="HALT")
    before = open_times(stepped)
    stepped.step(30)
    assert client.fetch_ticker(PAIR)["last"] == last
    assert len(client.fetch_open_orders(PAIR)) == 1
    stepped.faults(symbol_status="TRADING")
    stepped.step(30)
    times = open_times(stepped, 100)
    assert client.fetch_open_orders(PAIR) == []
    gaps = [(b - a) // HOUR for a, b in itertools.pairwise(times)]
    assert sorted(gaps)[-1] >= 30 and sorted(gaps)[-2] == 1
    assert before[-1] in times


def test_delisting_expires_the_open_orders_and_frees_their_funds(stepped: Program) -> None:
    client = ccxt_client(stepped)
    client.load_markets()
    resting = client.create_order(PAIR, "limit", "buy", 0.01, 30_000)
    stepped.faults(symbol_status="BREAK")
    assert client.fetch_order(resting["id"], PAIR)["status"] == "expired"
    assert client.fetch_balance()["USDT"]["used"] == 0
    assert stepped.get("/api/v3/exchangeInfo")["symbols"][0]["status"] == "BREAK"
    client.load_markets(reload=True)
    assert not client.market(PAIR)["active"]


async def test_deposits_and_withdrawals_are_told_and_counted(stepped: Program) -> None:
    async with websockets.connect(f"{stepped.socket}/ws-api/v3") as socket:
        await socket.send(subscribe_request())
        await received(socket)
        await asyncio.to_thread(stepped.faults, transfers={"BTC": "0.5", "USDT": "-100"})
        events = [(await received(socket))["event"] for _ in range(3)]
    assert [(e["e"], e.get("a"), e.get("d")) for e in events[:2]] == [
        ("balanceUpdate", "BTC", "0.50000000"),
        ("balanceUpdate", "USDT", "-100.00000000"),
    ]
    assert events[2]["e"] == "outboundAccountPosition"
    balances = {row["asset"]: row["free"] for row in stepped.signed("GET", "account")["balances"]}
    assert (balances["BTC"], balances["USDT"]) == ("0.50000000", "9900.00000000")


async def test_lost_events_are_missed_but_the_order_is_filled(stepped: Program) -> None:
    async with websockets.connect(f"{stepped.socket}/ws-api/v3") as socket:
        await socket.send(subscribe_request())
        await received(socket)
        await asyncio.to_thread(stepped.faults, lost_events=2)
        client = ccxt_client(stepped)
        bought = await asyncio.to_thread(client.create_order, PAIR, "market", "buy", 0.01)
        assert (await received(socket))["event"]["e"] == "outboundAccountPosition"
    assert bought["status"] == "closed"


async def test_half_open_socket_says_nothing_not_even_a_pong(stepped: Program) -> None:
    async with websockets.connect(f"{stepped.socket}/ws/{KLINES}", ping_interval=None) as socket:
        await asyncio.wait_for(await socket.ping(), 5)
        await asyncio.to_thread(stepped.faults, half_open=True)
        await asyncio.to_thread(stepped.step, 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(await socket.ping(), 0.5)
        with pytest.raises(TimeoutError):
            await received(socket, 0.1)
        async with websockets.connect(f"{stepped.socket}/ws/{KLINES}") as fresh:
            await asyncio.wait_for(await fresh.ping(), 5)
            await asyncio.to_thread(stepped.step)
            assert (await received(fresh))["e"] == "kline"


async def test_broken_frame_ends_in_its_middle(stepped: Program) -> None:
    async with websockets.connect(f"{stepped.socket}/ws/{KLINES}") as socket:
        await asyncio.to_thread(stepped.faults, broken_bars=1)
        await asyncio.to_thread(stepped.step)
        frames = [await asyncio.wait_for(socket.recv(), 5) for _ in range(3)]
    with pytest.raises(json.JSONDecodeError):
        json.loads(frames[2])
