"""The same seed and the same orders give the same fills; the market is fast enough."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from tests.exchange.running import STEPPED, Program, ccxt_client, exchange

PAIR = "BTC/USDT"
BARS = 500
BARS_A_SECOND = 200


def traded(**settings: object) -> list[dict[str, Any]]:
    """A client that buys with protection whenever it holds nothing, over 40 bars."""
    with exchange(**STEPPED, **settings) as program:
        client = ccxt_client(program)
        client.load_markets()
        for _ in range(40):
            if not client.fetch_open_orders(PAIR):
                last = client.fetch_ticker(PAIR)["last"]
                client.private_post_orderlist_otoco(
                    {
                        "symbol": "BTCUSDT",
                        "workingType": "LIMIT",
                        "workingSide": "BUY",
                        "workingPrice": client.price_to_precision(PAIR, 0.998 * last),
                        "workingQuantity": "0.05",
                        "workingTimeInForce": "GTC",
                        "pendingSide": "SELL",
                        "pendingQuantity": "0.0499",
                        "pendingAboveType": "LIMIT_MAKER",
                        "pendingAbovePrice": client.price_to_precision(PAIR, 1.006 * last),
                        "pendingBelowType": "STOP_LOSS",
                        "pendingBelowStopPrice": client.price_to_precision(PAIR, 0.99 * last),
                    }
                )
            program.step()
        return client.private_get_mytrades({"symbol": "BTCUSDT"})


def test_same_seed_same_orders_same_fills() -> None:
    first, second, other = traded(seed=3), traded(seed=3), traded(seed=4)
    assert len(first) >= 4
    assert first == second
    assert [fill["price"] for fill in first] != [fill["price"] for fill in other]


def processor_seconds(program: Program) -> float:
    fields = Path(f"/proc/{program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def fast() -> Iterator[Program]:
    with exchange(bars_per_second=10_000) as program:
        yield program


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads processor time in /proc")
async def test_a_second_of_processor_time_plays_hundreds_of_bars(fast: Program) -> None:
    """Of the exchange's own time, whatever else this machine does meanwhile."""
    url = f"{fast.socket}/stream?streams=btcusdt@kline_1h/btcusdt@aggTrade"
    async with websockets.connect(url) as socket:
        before, started, bars = processor_seconds(fast), time.monotonic(), 0
        while bars < BARS:
            bars += '"x":true' in str(await socket.recv())
            assert time.monotonic() - started < 120
        used = processor_seconds(fast) - before
    assert BARS / used >= BARS_A_SECOND
