"""Our WebSocket frames hold field by field and type by type against the real exchange's."""

import asyncio
import json
from typing import Any

import pytest
import websockets
from tests.contract.exchange_messages import differences, frames
from tests.exchange.running import Program, ccxt_client, exchange, subscribe_request

STREAMS = ("kline_1h", "trade", "aggTrade", "bookTicker")

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


async def collected(program: Program, count: int) -> dict[str, list[Any]]:
    """Frames by kind of stream."""
    names = "/".join(f"btcusdt@{stream}" for stream in STREAMS)
    found: dict[str, list[Any]] = {stream: [] for stream in STREAMS}
    async with websockets.connect(f"{program.socket}/stream?streams={names}") as socket:
        for _ in range(count):
            frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
            found[frame["stream"].partition("@")[2]].append(frame)
    return found


@pytest.fixture(scope="module")
def ours() -> dict[str, list[Any]]:
    with exchange() as program:
        return asyncio.run(collected(program, 40))


def spot(name: str, wanted: str, field: str) -> Any:
    """A recorded frame of the spot market: its prices have eight places."""
    for frame in frames(name, wanted):
        data = frame.get("data", frame)
        shown = data["k"]["o"] if field == "k" else data.get(field, "")
        if len(str(shown).partition(".")[2]) == 8:
            return frame
    raise LookupError(f"{name} has no spot frame with {wanted}")


@pytest.mark.parametrize("closed", [False, True])
def test_kline_frames(ours: dict[str, list[Any]], closed: bool) -> None:
    mine = next(f for f in ours["kline_1h"] if f["data"]["k"]["x"] is closed)
    combined = spot("crypto_msg_parser/binance_frames.jsonl", "@kline_1m", "k")
    assert differences(combined, mine) == []
    assert mine["data"]["k"].keys() == combined["data"]["k"].keys()
    second = spot("misc/frames.jsonl", "btcusdt@kline_1s", "k")
    assert differences(second, mine) == []
    assert mine["data"]["E"] >= mine["data"]["k"]["t"]


def test_trade_frames(ours: dict[str, list[Any]]) -> None:
    theirs = spot("misc/frames.jsonl", '"e":"trade"', "p")
    # Buyer's and seller's order ids are no longer sent.
    kept = frozenset(theirs.keys() - {"a", "b"})
    assert differences(theirs, ours["trade"][0]["data"], kept) == []


def test_aggregate_trade_frames(ours: dict[str, list[Any]]) -> None:
    theirs = spot("crypto_msg_parser/binance_frames.jsonl", "btcusdt@aggTrade", "p")
    assert differences(theirs, ours["aggTrade"][0]) == []
    assert ours["aggTrade"][0]["data"].keys() == theirs["data"].keys()


def test_book_ticker_frames(ours: dict[str, list[Any]]) -> None:
    theirs = spot("cryptofeed/binance_ws_frames.jsonl", "@bookTicker", "b")
    assert differences(theirs, ours["bookTicker"][0]) == []
    assert ours["bookTicker"][0]["data"].keys() == theirs["data"].keys()


async def test_account_events() -> None:
    with exchange() as program:
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

            await asyncio.to_thread(trade)
            events = [
                json.loads(await asyncio.wait_for(socket.recv(), 10))["event"] for _ in range(7)
            ]
    by_kind = {event["e"]: event for event in reversed(events)}
    assert differences(EXECUTION_REPORT, by_kind["executionReport"]) == []
    assert differences(ACCOUNT_POSITION, by_kind["outboundAccountPosition"]) == []
    assert differences(LIST_STATUS, by_kind["listStatus"]) == []
