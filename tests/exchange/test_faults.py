"""Faults on request do what they say, and only that."""

import asyncio
import itertools
import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import ccxt
import pytest
import websockets
from tests.exchange.running import Program, ccxt_client, exchange, fetch

HOUR = 3_600_000
PAIR = "BTC/USDT"


async def final_times(socket: websockets.ClientConnection, count: int) -> list[int]:
    times: list[int] = []
    while len(times) < count:
        kline: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 10))["k"]
        if kline["x"]:
            times.append(kline["t"])
    return times


async def steps_after(program: Program, **faults: object) -> list[int]:
    """Distances, in bars, between the final frames that follow."""
    url = f"{program.socket}/ws/btcusdt@kline_1h"
    async with websockets.connect(url) as socket:
        times = await final_times(socket, 1)
        await asyncio.to_thread(lambda: program.faults(**faults))
        times += await final_times(socket, 12)
    return [(b - a) // HOUR for a, b in itertools.pairwise(times)]


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        ({"duplicated_bars": 1}, 0),
        ({"dropped_bars": 1}, 2),
        ({"silent_bars": 3}, 4),
        ({"late_bars": 1}, -1),
    ],
)
async def test_one_disturbed_bar(fault: dict[str, int], step: int) -> None:
    with exchange(faults="true") as program:
        steps = await steps_after(program, **fault)
    assert step in steps
    assert steps.count(1) >= 8


async def test_disconnect_closes_every_socket() -> None:
    with exchange(faults="true") as program:
        async with websockets.connect(f"{program.socket}/ws/btcusdt@kline_1h") as socket:
            await asyncio.to_thread(program.faults, disconnect=True)
            await asyncio.wait_for(socket.wait_closed(), 5)


@pytest.fixture(scope="module")
def faulty() -> Any:
    with exchange(faults="true") as program:
        yield program


def test_server_errors_are_used_up(faulty: Program) -> None:
    client = ccxt_client(faulty)
    faulty.faults(server_errors=2)
    for _ in range(2):
        with pytest.raises(ccxt.ExchangeNotAvailable):
            client.fetch_time()
    assert client.fetch_time()


def test_too_many_requests_come_with_retry_after(faulty: Program) -> None:
    faulty.faults(too_many_requests=1, retry_after_seconds=7)
    with pytest.raises(HTTPError) as raised:
        urlopen(f"{faulty.rest}/api/v3/ping", timeout=5)
    assert raised.value.code == 429
    assert raised.value.headers["Retry-After"] == "7"


def test_unanswered_order_was_accepted_all_the_same(faulty: Program) -> None:
    faulty.faults(unanswered_orders=1, unanswered_seconds=5)
    client = ccxt_client(faulty)
    client.timeout = 500
    client.load_markets()
    with pytest.raises(ccxt.RequestTimeout):
        client.create_order(PAIR, "market", "buy", 0.001, None, {"newClientOrderId": "lost-1"})
    client.timeout = 10_000
    found = client.fetch_order(None, PAIR, {"origClientOrderId": "lost-1"})
    assert found["status"] == "closed"


def test_skewed_server_clock_refuses_this_machines_timestamps(faulty: Program) -> None:
    faulty.faults(clock_skew_ms=60_000)
    refused = faulty.signed("GET", "account")
    assert refused["code"] == -1021
    assert ccxt_client(faulty).fetch_balance()["USDT"]["total"] > 0
    faulty.faults(clock_skew_ms=0)
    assert faulty.signed("GET", "account")["canTrade"]


def test_outage_cuts_connections_and_ends(faulty: Program) -> None:
    client = ccxt_client(faulty)
    faulty.faults(outage_seconds=0.4)
    with pytest.raises(ccxt.NetworkError):
        client.fetch_time()
    time.sleep(0.5)
    assert client.fetch_time()


def test_unknown_fault_is_refused(faulty: Program) -> None:
    request = Request(f"{faulty.rest}/_faults", data=b'{"flood": 1}', method="POST")
    with pytest.raises(HTTPError) as raised:
        urlopen(request, timeout=5)
    assert raised.value.code == 400


def test_faults_are_not_offered_by_default() -> None:
    with exchange() as program, pytest.raises((HTTPError, json.JSONDecodeError)):
        fetch("POST", f"{program.rest}/_faults")
