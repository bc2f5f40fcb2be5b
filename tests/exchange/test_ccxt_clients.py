"""An unmodified ccxt, sync, async and streaming, trades with only its base URLs changed."""

import asyncio
import itertools

import ccxt
import pytest
from tests.exchange.running import (
    Program,
    ccxt_async_client,
    ccxt_client,
    ccxt_stream_client,
    exchange,
)

PAIR = "BTC/USDT"


@pytest.fixture(scope="module")
def client(still: Program) -> ccxt.binance:
    client = ccxt_client(still)
    client.load_markets()
    return client


def last_price(client: ccxt.binance) -> float:
    return float(client.fetch_ticker(PAIR)["last"])


def test_markets_carry_the_pairs_rules(client: ccxt.binance) -> None:
    market = client.market(PAIR)
    assert market["spot"] and market["active"]
    assert market["precision"]["price"] == 0.01
    assert market["precision"]["amount"] == 0.00001
    assert market["limits"]["cost"]["min"] == 5


def test_candles_end_with_the_bar_in_progress(client: ccxt.binance) -> None:
    rows = client.fetch_ohlcv(PAIR, "1h", limit=300)
    assert len(rows) == 300
    assert {b[0] - a[0] for a, b in itertools.pairwise(rows)} == {3_600_000}
    assert rows[-1][1] == rows[-1][4] == last_price(client)


def test_candles_are_paged_from_a_start_time(client: ccxt.binance) -> None:
    everything = client.fetch_ohlcv(PAIR, "1h", limit=1000)
    paged: list[list[float]] = []
    while not paged or paged[-1][0] < everything[-1][0]:
        since = paged[-1][0] + 1 if paged else everything[0][0]
        paged += client.fetch_ohlcv(PAIR, "1h", since=int(since), limit=70)
    assert paged == everything


def test_market_order_fills_and_shows_in_balance_and_trades(client: ccxt.binance) -> None:
    before = client.fetch_balance()
    bought = client.create_order(PAIR, "market", "buy", 0.01)
    after = client.fetch_balance()
    trade = client.fetch_my_trades(PAIR)[-1]
    assert bought["status"] == "closed" and bought["filled"] == 0.01
    assert trade["order"] == bought["id"] and trade["fee"]["currency"] == "BTC"
    assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.00999)
    assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - bought["cost"])


def test_market_order_by_cost_spends_about_that_much(client: ccxt.binance) -> None:
    bought = client.create_market_buy_order_with_cost(PAIR, 500)
    assert 499 < bought["cost"] <= 500


def test_limit_order_is_open_locked_and_cancelled(client: ccxt.binance) -> None:
    price = round(0.9 * last_price(client), 2)
    placed = client.create_order(PAIR, "limit", "buy", 0.01, price, {"newClientOrderId": "own-1"})
    assert [order["id"] for order in client.fetch_open_orders(PAIR)] == [placed["id"]]
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(0.01 * price)
    found = client.fetch_order(None, PAIR, {"origClientOrderId": "own-1"})
    assert (found["id"], found["status"]) == (placed["id"], "open")
    assert client.cancel_order(placed["id"], PAIR)["status"] == "canceled"
    assert client.fetch_open_orders(PAIR) == []
    assert client.fetch_balance()["USDT"]["used"] == 0


def test_stop_order_is_accepted_with_ccxts_own_parameter(client: ccxt.binance) -> None:
    client.create_order(PAIR, "market", "buy", 0.01)
    stop_price = round(0.8 * last_price(client), 2)
    placed = client.create_order(PAIR, "market", "sell", 0.005, None, {"stopLossPrice": stop_price})
    found = client.fetch_order(placed["id"], PAIR)
    assert (found["info"]["type"], found["triggerPrice"]) == ("STOP_LOSS", stop_price)
    client.cancel_order(placed["id"], PAIR)


def test_entry_with_protection_is_one_list(client: ccxt.binance) -> None:
    last = last_price(client)
    answer = client.private_post_orderlist_otoco(
        {
            "symbol": "BTCUSDT",
            "listClientOrderId": "plan-1",
            "workingType": "LIMIT",
            "workingSide": "BUY",
            "workingPrice": client.price_to_precision(PAIR, 0.95 * last),
            "workingQuantity": "0.01",
            "workingTimeInForce": "GTC",
            "pendingSide": "SELL",
            "pendingQuantity": "0.00999",
            "pendingAboveType": "LIMIT_MAKER",
            "pendingAbovePrice": client.price_to_precision(PAIR, 1.1 * last),
            "pendingBelowType": "STOP_LOSS",
            "pendingBelowStopPrice": client.price_to_precision(PAIR, 0.9 * last),
        }
    )
    reports = answer["orderReports"]
    assert [r["status"] for r in reports] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    assert [r["type"] for r in reports] == ["LIMIT", "STOP_LOSS", "LIMIT_MAKER"]
    ended = client.private_delete_orderlist({"symbol": "BTCUSDT", "listClientOrderId": "plan-1"})
    assert ended["listOrderStatus"] == "ALL_DONE"
    assert {report["status"] for report in ended["orderReports"]} == {"CANCELED"}


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        (ccxt.InsufficientFunds, ("limit", "buy", 5, 40_000)),
        # ccxt tells InvalidOrder from BadRequest by the host name; the code is the same.
        (ccxt.BadRequest, ("limit", "buy", 0.00001, 40_000)),
    ],
)
def test_refusals_become_ccxts_errors(
    client: ccxt.binance, expected: type[Exception], arguments: tuple[str, str, float, float]
) -> None:
    with pytest.raises(expected):
        client.create_order(PAIR, *arguments)


def test_unknown_orders_are_told_apart(client: ccxt.binance) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order("999999", PAIR)
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order sent"):
        client.cancel_order("999999", PAIR)


def test_wrong_credentials_are_refused(still: Program) -> None:
    wrong_key, wrong_secret = ccxt_client(still), ccxt_client(still)
    wrong_key.apiKey, wrong_secret.secret = "other", "other"
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        wrong_key.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        wrong_secret.fetch_balance()


async def test_async_client_trades_too() -> None:
    with exchange() as program:
        client = ccxt_async_client(program)
        try:
            await client.load_markets()
            bought = await client.create_order(PAIR, "market", "buy", 0.01)
            balance = await client.fetch_balance()
            rows = await client.fetch_ohlcv(PAIR, "1h", limit=5)
        finally:
            await client.close()
    assert bought["status"] == "closed"
    assert balance["BTC"]["total"] == pytest.approx(0.00999)
    assert len(rows) == 5


async def test_streaming_client_watches_the_market() -> None:
    with exchange() as program:
        client = ccxt_stream_client(program)
        try:
            await client.load_markets()
            bars = await client.watch_ohlcv(PAIR, "1h")
            trades = await client.watch_trades(PAIR)
            ticker = await client.watch_ticker(PAIR)
            book = await client.watch_order_book(PAIR)
        finally:
            await client.close()
    assert bars[-1][1] > 0 and trades[-1]["price"] > 0 and ticker["last"] > 0
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_streaming_client_trades_and_hears_of_it() -> None:
    with exchange() as program:
        client = ccxt_stream_client(program)
        try:
            await client.load_markets()
            orders = asyncio.create_task(client.watch_orders(PAIR))
            balance = asyncio.create_task(client.watch_balance())
            await client.authenticate()
            bought = await client.create_order_ws(PAIR, "market", "buy", 0.01)
            heard, held = await asyncio.wait_for(asyncio.gather(orders, balance), 10)
        finally:
            await client.close()
    assert bought["status"] == "closed"
    assert heard[-1]["id"] == bought["id"]
    assert held["BTC"]["total"] == pytest.approx(0.00999)
