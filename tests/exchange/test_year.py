"""A year of hourly bars over real sockets with a client that trades: nothing lost, fast enough."""

import asyncio
import hashlib
import hmac
import json
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import websockets
from tests.exchange.running import KEY, SECRET, Program, exchange, subscribe_request

YEAR_BARS, YEAR_SECONDS = 8_760, 300
PATIENCE_BARS = 6
ASKED_BARS_A_SECOND = 400


class Client:
    """Keeps one protected entry working or one position open."""

    def __init__(self, program: Program, session: aiohttp.ClientSession) -> None:
        self._url, self._session = f"{program.rest}/api/v3", session
        self.bars, self.placed, self.waited = 0, 0, 0
        self.traded: list[dict[str, Any]] = []

    async def signed(self, method: str, path: str, **params: object) -> Any:
        query = urlencode({"timestamp": int(time.time() * 1000), **params})
        signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self._url}/{path}?{query}&signature={signature}"
        async with self._session.request(method, url, headers={"X-MBX-APIKEY": KEY}) as answer:
            return await answer.json()

    async def final_bar(self, close: float) -> None:
        self.bars += 1
        if self.bars % 3:
            return
        working = await self.signed("GET", "openOrders", symbol="BTCUSDT")
        entry = [order for order in working if order["side"] == "BUY"]
        if not working:
            await self._enter(close)
        elif entry:
            self.waited += 1
            if self.waited > PATIENCE_BARS:
                order = entry[0]["orderId"]
                await self.signed("DELETE", "order", symbol="BTCUSDT", orderId=order)

    async def _enter(self, close: float) -> None:
        entry, profit, stop = (f"{close * by:.2f}" for by in (0.998, 1.01, 0.985))
        answer = await self.signed(
            "POST",
            "orderList/otoco",
            symbol="BTCUSDT",
            workingType="LIMIT",
            workingSide="BUY",
            workingPrice=entry,
            workingQuantity="0.01",
            workingTimeInForce="GTC",
            pendingSide="SELL",
            pendingQuantity="0.00999",
            pendingAboveType="LIMIT_MAKER",
            pendingAbovePrice=profit,
            pendingBelowType="STOP_LOSS",
            pendingBelowStopPrice=stop,
        )
        if "orderListId" in answer:
            self.placed, self.waited = self.placed + 1, 0

    async def events(self, socket: websockets.ClientConnection) -> None:
        async for text in socket:
            event = json.loads(text).get("event", {})
            if event.get("x") == "TRADE":
                self.traded.append(event)

    async def all_trades(self) -> list[dict[str, Any]]:
        trades: list[dict[str, Any]] = []
        while page := await self.signed(
            "GET", "myTrades", symbol="BTCUSDT", fromId=len(trades) + 1, limit=1000
        ):
            trades += page
        return trades


async def run_through(program: Program, client: Client, bars: int) -> float:
    """Seconds taken."""
    async with (
        websockets.connect(f"{program.socket}/ws-api/v3") as account,
        websockets.connect(
            f"{program.socket}/ws/btcusdt@kline_1h", max_queue=4096, ping_timeout=None
        ) as klines,
    ):
        await account.send(subscribe_request())
        await account.recv()
        listening = asyncio.create_task(client.events(account))
        started = time.monotonic()
        while client.bars < bars:
            kline = json.loads(await klines.recv())["k"]
            if kline["x"]:
                await client.final_bar(float(kline["c"]))
        taken = time.monotonic() - started
        await asyncio.sleep(0.5)
        listening.cancel()
    return taken


async def check_books(client: Client) -> None:
    trades = await client.all_trades()
    assert [event["t"] for event in client.traded] == [trade["id"] for trade in trades]
    owned = {"BTC": Decimal(0), "USDT": Decimal(10_000)}
    for trade in trades:
        sign = 1 if trade["isBuyer"] else -1
        owned["BTC"] += sign * Decimal(trade["qty"])
        owned["USDT"] -= sign * Decimal(trade["quoteQty"])
        owned[trade["commissionAsset"]] -= Decimal(trade["commission"])
    for row in (await client.signed("GET", "account"))["balances"]:
        assert Decimal(row["free"]) + Decimal(row["locked"]) == owned[row["asset"]]
    by_list: dict[int, set[int]] = {}
    for trade in trades:
        if not trade["isBuyer"]:
            by_list.setdefault(trade["orderListId"], set()).add(trade["orderId"])
    assert all(len(orders) == 1 for orders in by_list.values())


async def year(bars: int) -> tuple[float, Client]:
    with exchange(
        bars_per_second=ASKED_BARS_A_SECOND,
        live_bars=bars,
        request_weight_limit=10_000_000,
        order_limit=100_000,
    ) as program:
        async with aiohttp.ClientSession() as session:
            client = Client(program, session)
            taken = await run_through(program, client, bars)
            await check_books(client)
    return taken, client


async def test_a_month_of_trading_adds_up() -> None:
    _, client = await year(720)
    assert client.placed > 10 and client.traded


@pytest.mark.prove
async def test_a_year_of_trading_adds_up_in_five_minutes() -> None:
    taken, client = await year(YEAR_BARS)
    print(f"{YEAR_BARS / taken:.0f} bars/s, {client.placed} entries, {len(client.traded)} fills")
    assert taken <= YEAR_SECONDS
