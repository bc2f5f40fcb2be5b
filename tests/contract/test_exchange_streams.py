"""Kline frames in both states, and account events against what the exchange documents."""

import asyncio
import json
from typing import Any

import pytest
import websockets
from tests.contract.exchange_messages import differences
from tests.contract.recordings import frames
from tests.exchange.running import Program, ccxt_client, exchange, subscribe_request

# Shaped after the exchange's document "User Data Streams"; no recording of these exists.
EXECUTION_REPORT: dict[str, Any] = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "ETHBTC",
    "c": "mUvoqJx",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "0.10264410",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "I": 8641984,
    "w": True,
    "m": False,
    "M": False,
    "O": 1499405658657,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": 1499405658657,
    "V": "NONE",
}
ACCOUNT_POSITION: dict[str, Any] = {
    "e": "outboundAccountPosition",
    "E": 1728972148778,
    "u": 1728972148778,
    "B": [{"a": "BTC", "f": "11818.00000000", "l": "182.00000000"}],
}
BALANCE_UPDATE: dict[str, Any] = {
    "e": "balanceUpdate",
    "E": 1573200697110,
    "a": "BTC",
    "d": "100.00000000",
    "T": 1573200697068,
}
LIST_STATUS: dict[str, Any] = {
    "e": "listStatus",
    "E": 1564035303637,
    "s": "ETHBTC",
    "g": 2,
    "c": "OCO",
    "l": "EXEC_STARTED",
    "L": "EXECUTING",
    "r": "NONE",
    "C": "F4QN4G8",
    "T": 1564035303625,
    "O": [{"s": "ETHBTC", "i": 17, "c": "AJYsMjEr"}],
}


async def collected(program: Program, count: int) -> list[Any]:
    """Kline frames of a combined stream."""
    async with websockets.connect(f"{program.socket}/stream?streams=btcusdt@kline_1h") as socket:
        return [json.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(count)]


@pytest.fixture(scope="module")
def ours() -> list[Any]:
    with exchange() as program:
        return asyncio.run(collected(program, 8))


@pytest.mark.parametrize("closed", [False, True])
def test_kline_frames_whether_final_or_not(closed: bool, ours: list[Any]) -> None:
    mine = next(f for f in ours if f["data"]["k"]["x"] is closed)
    for theirs in frames()["spot kline"]:
        assert differences(theirs.get("data", theirs), mine["data"]) == []
    assert mine["data"]["E"] >= mine["data"]["k"]["t"]


async def test_account_events() -> None:
    with exchange(faults="true") as program:
        async with websockets.connect(f"{program.socket}/ws-api/v3") as socket:
            await socket.send(subscribe_request())
            await socket.recv()
            client = ccxt_client(program)
            order = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.001"}
            above = {"aboveType": "LIMIT_MAKER", "abovePrice": "200000"}
            below = {"belowType": "STOP_LOSS", "belowStopPrice": "20000"}

            def trade() -> None:
                client.create_order("BTC/USDT", "market", "buy", 0.01)
                client.private_post_orderlist_oco({**order, **above, **below})
                program.faults(transfers={"BTC": "1"})

            await asyncio.to_thread(trade)
            events = [
                json.loads(await asyncio.wait_for(socket.recv(), 10))["event"] for _ in range(9)
            ]
    by_kind = {event["e"]: event for event in reversed(events)}
    assert differences(EXECUTION_REPORT, by_kind["executionReport"]) == []
    assert differences(ACCOUNT_POSITION, by_kind["outboundAccountPosition"]) == []
    assert differences(LIST_STATUS, by_kind["listStatus"]) == []
    assert differences(BALANCE_UPDATE, by_kind["balanceUpdate"]) == []
    assert {event["e"]: event.keys() for event in (BALANCE_UPDATE, LIST_STATUS)} == {
        kind: by_kind[kind].keys() for kind in ("balanceUpdate", "listStatus")
    }
