"""Mirroring: another exchange's market, orders of one's own. The upstream is a second instance."""

import asyncio
import json
import time
from pathlib import Path

import websockets
from tests.exchange.running import Program, ccxt_client, exchange, start, stop

PAIR = "BTC/USDT"
KLINES = "btcusdt@kline_1h"


def mirrored(upstream: Program, **settings: object) -> dict[str, object]:
    return {
        "source": "mirror",
        "upstream_rest_url": upstream.rest,
        "upstream_stream_url": upstream.socket,
        **settings,
    }


async def test_history_and_frames_are_the_upstreams() -> None:
    with (
        exchange(hold_until_subscribed="false", bars_per_second=20) as upstream,
        exchange(**mirrored(upstream)) as mirror,
    ):
        async with (
            websockets.connect(f"{upstream.socket}/ws/{KLINES}") as theirs,
            websockets.connect(f"{mirror.socket}/ws/{KLINES}") as ours,
        ):
            expected = [json.loads(await asyncio.wait_for(theirs.recv(), 10)) for _ in range(9)]
            seen = [json.loads(await asyncio.wait_for(ours.recv(), 10)) for _ in range(9)]
        begin = expected[0]["k"]["t"] - 10 * 3_600_000
        history = [ccxt_client(p).fetch_ohlcv(PAIR, "1h", begin, 8) for p in (upstream, mirror)]
    assert len([event for event in expected if event in seen]) >= 7
    assert history[0] == history[1]


async def test_orders_are_local_and_fill_on_the_upstreams_prices() -> None:
    with (
        exchange(hold_until_subscribed="false", bars_per_second=20) as upstream,
        exchange(**mirrored(upstream)) as mirror,
    ):
        mirror.wait_for("upstream connected")
        client = ccxt_client(mirror)
        bought = client.create_order(PAIR, "market", "buy", 0.01)
        low = client.create_order(PAIR, "limit", "sell", 0.005, round(1.0005 * bought["price"], 2))
        deadline = time.monotonic() + 10
        while client.fetch_order(low["id"], PAIR)["status"] == "open":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert ccxt_client(upstream).fetch_my_trades(PAIR) == []
        assert len(client.fetch_my_trades(PAIR)) == 2


async def test_bars_missed_while_the_upstream_was_away_are_matched(tmp_path: Path) -> None:
    state = tmp_path / "upstream.db"
    upstream = start(state=state, bars_per_second=200, hold_until_subscribed="false", live_bars=3)
    try:
        with exchange(**mirrored(upstream)) as mirror:
            mirror.wait_for("upstream connected")
            upstream.wait_for("market ended")
            client = ccxt_client(mirror)
            client.create_order(PAIR, "market", "buy", 0.01)
            last = client.fetch_ticker(PAIR)["last"]
            sell = client.create_order(PAIR, "limit", "sell", 0.005, round(1.0005 * last, 2))
            address = upstream.address
            stop(upstream)
            mirror.wait_for("upstream lost")
            upstream = start(
                state=state,
                bars_per_second=0,
                hold_until_subscribed="false",
                listen=address,
                live_bars=300,
            )
            stop(upstream)
            upstream = start(
                state=state,
                bars_per_second=2000,
                hold_until_subscribed="false",
                listen=address,
                live_bars=60,
            )
            deadline = time.monotonic() + 15
            while client.fetch_order(sell["id"], PAIR)["status"] == "open":
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
    finally:
        stop(upstream)


async def test_upstreams_refusal_is_passed_on() -> None:
    with exchange() as upstream, exchange(**mirrored(upstream)) as mirror:
        refusal = mirror.get("/api/v3/klines", symbol="NONE", interval="1h")
    assert refusal == {"code": -1121, "msg": "Invalid symbol."}
