"""Kline, trade and account streams as an unmodified `websockets` client sees them."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import websockets
from tests.exchange.running import ccxt_client, exchange, subscribe_request

KLINES = "btcusdt@kline_1h"


async def received(socket: websockets.ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(socket.recv(), 10))


async def final_bars(socket: websockets.ClientConnection, count: int) -> list[dict[str, Any]]:
    bars: list[dict[str, Any]] = []
    while len(bars) < count:
        event = await received(socket)
        if event["k"]["x"]:
            bars.append(event["k"])
    return bars


async def test_stream_goes_on_where_rest_history_ends() -> None:
    with exchange() as program:
        history = ccxt_client(program).fetch_ohlcv("BTC/USDT", "1h", limit=10)
        async with websockets.connect(f"{program.socket}/ws/{KLINES}") as socket:
            bars = await final_bars(socket, 5)
        rows = ccxt_client(program).fetch_ohlcv("BTC/USDT", "1h", history[-1][0], limit=5)
    first = history[-1][0]
    assert [bar["t"] for bar in bars] == [first + 3_600_000 * i for i in range(5)]
    assert [float(bar["c"]) for bar in bars] == [row[4] for row in rows]
    assert [float(bar["v"]) for bar in bars] == [row[5] for row in rows]


async def test_market_stands_still_until_somebody_subscribes() -> None:
    with exchange() as program:
        client = ccxt_client(program)
        before = client.fetch_ohlcv("BTC/USDT", "1h", limit=1)
        await asyncio.sleep(0.3)
        assert client.fetch_ohlcv("BTC/USDT", "1h", limit=1) == before


async def test_combined_stream_names_each_frame() -> None:
    with exchange() as program:
        names = [KLINES, "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker"]
        url = f"{program.socket}/stream?streams={'/'.join(names)}"
        async with websockets.connect(url) as socket:
            frames = [await received(socket) for _ in range(30)]
    assert {frame["stream"] for frame in frames} == set(names)
    book = next(f["data"] for f in frames if f["stream"].endswith("bookTicker"))
    assert float(book["b"]) < float(book["a"])


async def test_subscriptions_change_on_an_open_connection() -> None:
    with exchange() as program:
        async with websockets.connect(f"{program.socket}/ws") as socket:
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [KLINES], "id": 1}))
            assert await received(socket) == {"result": None, "id": 1}
            assert (await received(socket))["e"] == "kline"
            await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": [KLINES], "id": 2}))
            while (answer := await received(socket)).get("id") != 2:
                pass
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 3}))
            assert await received(socket) == {"result": [], "id": 3}
            await socket.send("no json")
            assert (await received(socket))["error"]["code"] == 3
    assert answer["result"] is None


async def test_who_sends_too_many_messages_is_disconnected() -> None:
    with exchange() as program:
        async with websockets.connect(f"{program.socket}/ws") as socket:
            for number in range(12):
                await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == 1008


async def test_sockets_are_pinged() -> None:
    with exchange(ping_seconds=0.2) as program:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{program.socket}/ws", autoping=False) as socket,
        ):
            message = await asyncio.wait_for(socket.receive(), 5)
    assert message.type is aiohttp.WSMsgType.PING


async def test_session_ends_after_its_time() -> None:
    with exchange(session_seconds=0.3) as program:
        async with websockets.connect(f"{program.socket}/ws") as socket:
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == 1001


async def test_account_events_arrive_in_order() -> None:
    with exchange() as program:
        async with websockets.connect(f"{program.socket}/ws-api/v3") as socket:
            await socket.send(subscribe_request())
            answer = await received(socket)
            assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
            await asyncio.to_thread(
                ccxt_client(program).create_order, "BTC/USDT", "market", "buy", 0.01
            )
            events = [await received(socket) for _ in range(3)]
    assert {event["subscriptionId"] for event in events} == {0}
    kinds = [(e["event"]["e"], e["event"].get("x")) for e in events]
    assert kinds == [
        ("executionReport", "NEW"),
        ("executionReport", "TRADE"),
        ("outboundAccountPosition", None),
    ]
    balances = {row["a"]: float(row["f"]) for row in events[-1]["event"]["B"]}
    assert balances["BTC"] == 0.00999


async def test_resting_order_is_reported_when_the_market_reaches_it() -> None:
    with exchange() as program:
        client = ccxt_client(program)
        last = client.fetch_ticker("BTC/USDT")["last"]
        placed = client.create_order("BTC/USDT", "limit", "buy", 0.01, round(0.999 * last, 2))
        async with (
            websockets.connect(f"{program.socket}/ws-api/v3") as account,
            websockets.connect(f"{program.socket}/ws/{KLINES}"),
        ):
            await account.send(subscribe_request())
            await received(account)
            event = (await received(account))["event"]
    assert (event["x"], event["X"], event["m"]) == ("TRADE", "FILLED", True)
    assert str(event["i"]) == placed["id"]


async def test_requests_over_the_socket_answer_like_rest() -> None:
    with exchange() as program:
        async with websockets.connect(f"{program.socket}/ws-api/v3") as socket:
            asked = {"id": 7, "method": "ticker.price", "params": {"symbol": "BTCUSDT"}}
            await socket.send(json.dumps(asked))
            answer = await received(socket)
            assert answer["result"] == program.get("/api/v3/ticker/price", symbol="BTCUSDT")
            assert answer["rateLimits"][0]["count"] > 0
            await socket.send(json.dumps({"id": 8, "method": "time"}))
            skew = (await received(socket))["result"]["serverTime"] - time.time() * 1000
            assert abs(skew) < 1_000
            await socket.send(json.dumps({"id": 9, "method": "session.status"}))
            assert (await received(socket))["result"]["userDataStream"] is False
            await socket.send(json.dumps({"id": 10, "method": "guess"}))
            refusal = await received(socket)
            assert (refusal["status"], refusal["error"]["code"]) == (400, -1020)


async def test_subscription_with_a_wrong_signature_is_refused() -> None:
    with exchange() as program:
        async with websockets.connect(f"{program.socket}/ws-api/v3") as socket:
            request = json.loads(subscribe_request())
            request["params"]["signature"] = "0" * 64
            await socket.send(json.dumps(request))
            assert (await received(socket))["error"]["code"] == -1022


async def test_program_ends_soon_with_sockets_open() -> None:
    with exchange() as program:
        async with (
            websockets.connect(f"{program.socket}/ws/{KLINES}") as klines,
            websockets.connect(f"{program.socket}/ws"),
            websockets.connect(f"{program.socket}/ws-api/v3"),
        ):
            await received(klines)
            started = time.monotonic()
            program.process.terminate()
            assert await asyncio.to_thread(program.process.wait, 10) == 0
            assert time.monotonic() - started < 4
