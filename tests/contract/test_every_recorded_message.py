"""Each recorded message of the real exchange is asked for of ours, and compared.

A kind of message that is neither asked for nor explained fails the last test.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websockets
from tests.contract.exchange_messages import MESSAGES, differences
from tests.contract.recordings import Recording, frames, rest
from tests.exchange.running import Program, exchange, fetch

if not MESSAGES.is_dir():
    pytest.skip(
        f"recorded messages are absent: {MESSAGES} (set TRADINGLAB_SHARED_DATA)",
        allow_module_level=True,
    )

PAIR = "BTCUSDT"
UNKNOWN = ("BOGUS", "IDONTEXIST")
NEEDS_SYMBOL = frozenset({"depth", "klines", "aggTrades", "trades", "historicalTrades", "avgPrice"})
STREAMS = {
    "spot kline": "kline_1h",
    "spot trade": "trade",
    "spot aggTrade": "aggTrade",
    "spot bookTicker": "bookTicker",
    "spot depth20": "depth20",
    "spot depthUpdate": "depth@100ms",
    "spot 24hrTicker": "ticker",
}
DROPPED = {"spot trade": {"a", "b"}}
EXPLAINED = {
    "GET /api/v3/ping 400": "an invented error (-3121) of a client library's own tests",
    "GET /api/v3/klines/symbol=LTCBTC&interval=1 400": "a malformed address of 2018; the same "
    "request well formed is among the klines refusals",
    "spot !bookTicker": "removed by the exchange in December 2022",
    "derivatives aggTrade": "not the spot market",
    "derivatives depth20": "not the spot market",
    "derivatives trade_all": "not the spot market",
    "derivatives markPriceUpdate": "not the spot market",
    "derivatives arr": "not the spot market",
    "derivatives depthUpdate": "not the spot market",
    "derivatives bookTicker": "not the spot market",
    "derivatives 24hrTicker": "not the spot market",
    "derivatives ticker_all": "not the spot market",
    "derivatives kline": "not the spot market",
}
# Refusals and fields of old recordings that the exchange has since given up.
OUTDATED_FILES = {
    "depth_2.yml": "any limit up to 5000 is taken today",
}
OUTDATED_FIELDS = {
    "GET /api/v3/exchangeInfo 200": ("permissions",),
}


def ask(program: Program, one: Recording) -> tuple[int, Any]:
    """The recorded public request with our pair in place of a real one."""
    path = one.kind.split()[1]
    params = dict(one.query)
    if params.get("symbol") not in (None, *UNKNOWN):
        params["symbol"] = PAIR
    if "fromId" in params:
        params["fromId"] = "1"
    if "symbol" not in params and path.rpartition("/")[2] in NEEDS_SYMBOL:
        params |= {"symbol": PAIR, "interval": "1h"}
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return fetch("GET", f"{program.rest}{path}?{query}")


def place(program: Program, one: Recording) -> tuple[int, Any]:
    """An order like the recorded one, at prices of our market."""
    if one.status == 400:
        wanted = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "8"}
        return program.signed_with_status("POST", "order", symbol=PAIR, **wanted, price="40000")
    wanted = {name: one.body[name] for name in ("side", "type")}
    if one.body["type"] == "LIMIT":
        price = "30000" if one.body["side"] == "BUY" else "60000"
        wanted |= {"timeInForce": one.body["timeInForce"], "price": price}
    return program.signed_with_status("POST", "order", symbol=PAIR, quantity="0.001", **wanted)


def resting(program: Program) -> dict[str, Any]:
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "30000"}
    return program.signed("POST", "order", symbol=PAIR, quantity="0.001", **order)


def query_order(program: Program, one: Recording) -> tuple[int, Any]:
    placed = resting(program)
    by = "origClientOrderId" if "origClientOrderId" in one.query else "orderId"
    wanted = {by: placed["clientOrderId" if by == "origClientOrderId" else "orderId"]}
    method = one.kind.split()[0]
    return program.signed_with_status(method, "order", symbol=PAIR, **wanted)


def open_orders(program: Program, one: Recording) -> tuple[int, Any]:
    resting(program)
    given = {"symbol": PAIR} if "symbol" in one.query else {}
    return program.signed_with_status("GET", "openOrders", **given)


def without_key(program: Program, one: Recording) -> tuple[int, Any]:
    return fetch("GET", f"{program.rest}/api/v3/openOrders?timestamp=1")


def account(program: Program, one: Recording) -> tuple[int, Any]:
    return program.signed_with_status("GET", "account")


def symbol_entry(program: Program, one: Recording) -> tuple[int, Any]:
    status, ours = fetch("GET", f"{program.rest}/api/v3/exchangeInfo?symbol={PAIR}")
    return status, ours["symbols"][0]


OTHERS: dict[str, Callable[[Program, Recording], tuple[int, Any]]] = {
    "POST /api/v3/order 200": place,
    "POST /api/v3/order 400": place,
    "GET /api/v3/order 200": query_order,
    "DELETE /api/v3/order 200": query_order,
    "GET /api/v3/openOrders 200": open_orders,
    "GET /api/v3/openOrders 401": without_key,
    "GET /api/v3/account 200": account,
    "entry of exchangeInfo's symbols": symbol_entry,
}
PUBLIC = frozenset(
    f"GET {path} {rest_of}"
    for path, rest_of in (
        ("/api/v3/ping", "200"),
        ("/api/v3/time", "200"),
        ("/api/v3/exchangeInfo", "200"),
        ("/api/v3/klines", "200"),
        ("/api/v3/klines", "400"),
        ("/api/v3/depth", "200"),
        ("/api/v3/depth", "400"),
        ("/api/v3/aggTrades", "200"),
        ("/api/v3/aggTrades", "400"),
        ("/api/v3/trades", "200"),
        ("/api/v3/trades", "400"),
        ("/api/v3/historicalTrades", "200"),
        ("/api/v3/avgPrice", "200"),
        ("/api/v3/avgPrice", "400"),
        ("/api/v3/ticker/price", "200"),
        ("/api/v3/ticker/price", "200 of all symbols"),
        ("/api/v3/ticker/bookTicker", "200"),
        ("/api/v3/ticker/bookTicker", "200 of all symbols"),
        ("/api/v3/ticker/24hr", "200"),
        ("/api/v3/ticker/24hr", "200 of all symbols"),
        ("/api/v3/ticker/24hr", "400"),
        ("/sapi/v1/system/status", "200"),
    )
)
REST, FRAMES = rest(), frames()


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with exchange(session_seconds=600) as running:
        market = {"side": "BUY", "type": "MARKET", "quantity": "0.1"}
        running.signed("POST", "order", symbol=PAIR, **market)
        yield running


def without(document: Any, names: tuple[str, ...]) -> Any:
    if isinstance(document, dict):
        return {k: without(v, names) for k, v in document.items() if k not in names}
    if isinstance(document, list):
        return [without(one, names) for one in document]
    return document


@pytest.mark.parametrize("kind", sorted(PUBLIC | OTHERS.keys()))
def test_answer_has_the_recorded_status_fields_and_types(program: Program, kind: str) -> None:
    for one in REST[kind]:
        if one.file in OUTDATED_FILES:
            continue
        status, ours = OTHERS.get(kind, ask)(program, one)
        assert status == one.status, one.file
        if status >= 400:
            assert ours == one.body, one.file
        else:
            theirs = without(one.body, OUTDATED_FIELDS.get(kind, ()))
            assert differences(theirs, ours) == [], one.file


async def collected(program: Program) -> dict[str, dict[str, Any]]:
    """One frame of each of our streams."""
    names = {f"btcusdt@{stream}": kind for kind, stream in STREAMS.items()}
    found: dict[str, dict[str, Any]] = {}
    async with websockets.connect(f"{program.socket}/stream?streams={'/'.join(names)}") as socket:
        while len(found) < len(names):
            frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
            full = frame["data"].get("a") != [] and frame["data"].get("b") != []
            if full:
                found.setdefault(names[frame["stream"]], frame)
    return found


@pytest.fixture(scope="module")
def ours() -> dict[str, dict[str, Any]]:
    with exchange() as running:
        return asyncio.run(collected(running))


@pytest.mark.parametrize("kind", sorted(STREAMS))
def test_frame_has_the_recorded_fields_and_types(
    ours: dict[str, dict[str, Any]], kind: str
) -> None:
    mine = ours[kind]
    for theirs in FRAMES[kind]:
        data = theirs.get("data", theirs)
        kept = frozenset(data.keys() - DROPPED.get(kind, set()))
        assert differences(data, mine["data"], kept) == []
        assert mine["data"].keys() == kept
        if "stream" in theirs:
            assert theirs.keys() == mine.keys()


def test_every_recorded_kind_is_compared_or_explained() -> None:
    compared = PUBLIC | OTHERS.keys() | STREAMS.keys()
    recorded = REST.keys() | FRAMES.keys()
    assert recorded - compared - EXPLAINED.keys() == set()
    assert EXPLAINED.keys() <= recorded
