"""Our REST answers hold field by field and type by type against the real exchange's."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.exchange_messages import differences, document, exchange_of, yaml_body
from tests.exchange.running import Program, exchange

PAIR = {"symbol": "BTCUSDT"}


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with exchange() as running:
        yield running


@pytest.fixture(scope="module")
def resting(program: Program) -> dict[str, Any]:
    """The answer to a limit order that rests."""
    return program.signed(
        "POST",
        "order",
        **PAIR,
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.001",
        price="30000",
    )


def test_exchange_info_of_the_pair(program: Program) -> None:
    theirs = document("python_binance_testnet/btcusdt_symbol_info_testnet.json")
    ours = program.get("/api/v3/exchangeInfo")["symbols"][0]
    assert differences(theirs, ours) == []
    kinds = {entry["filterType"]: entry for entry in ours["filters"]}
    for entry in theirs["filters"]:
        mine = kinds[entry["filterType"]]
        assert mine.keys() == entry.keys()
        assert {name: type(value) for name, value in mine.items()} == {
            name: type(value) for name, value in entry.items()
        }


def test_exchange_info_around_the_pairs(program: Program) -> None:
    theirs = document("doc_shaped/nautilus_http_spot_market_exchange_info.json")
    ours = program.get("/api/v3/exchangeInfo")
    assert differences({**theirs, "symbols": []}, ours) == []
    assert [limit["rateLimitType"] for limit in ours["rateLimits"]] == [
        limit["rateLimitType"] for limit in theirs["rateLimits"]
    ]


def test_klines(program: Program) -> None:
    theirs = document("doc_shaped/nautilus_http_spot_market_klines.json")
    recorded = exchange_of("get_klines_ok", "/klines")["body"]
    ours = program.get("/api/v3/klines", **PAIR, interval="1h", limit=5)
    assert len(ours[0]) == len(theirs[0]) == len(recorded[0]) == 12
    for theirs_cell, recorded_cell, cell in zip(theirs[0], recorded[0], ours[0], strict=True):
        assert differences(theirs_cell, cell) == differences(recorded_cell, cell) == []


def test_account(program: Program) -> None:
    theirs = document("doc_shaped/nautilus_http_spot_wallet_account.json")
    assert differences(theirs, program.signed("GET", "account")) == []


def test_depth(program: Program) -> None:
    theirs = exchange_of("get_depth_ok", "/depth")["body"]
    assert differences(theirs, program.get("/api/v3/depth", **PAIR, limit=5)) == []


def test_price_and_book_ticker(program: Program) -> None:
    assert differences(yaml_body("price"), program.get("/api/v3/ticker/price", **PAIR)) == []
    ours = program.get("/api/v3/ticker/bookTicker", **PAIR)
    assert differences(yaml_body("book_ticker"), ours) == []


def test_day_ticker(program: Program) -> None:
    theirs = exchange_of("get_ticker_ok", "/ticker/24hr")["body"]
    assert differences(theirs, program.get("/api/v3/ticker/24hr", **PAIR)) == []


def test_average_price(program: Program) -> None:
    theirs = yaml_body("avg_price_valid")
    assert differences(theirs, program.get("/api/v3/avgPrice", **PAIR)) == []


def test_aggregate_trades(program: Program) -> None:
    ours = program.get("/api/v3/aggTrades", **PAIR, limit=5)
    assert len(ours) == 5
    assert differences(yaml_body("agg_trades_limit_5"), ours) == []


def test_ping_and_time(program: Program) -> None:
    assert program.get("/api/v3/ping") == exchange_of("ping_ok", "/ping")["body"]
    theirs = exchange_of("get_server_time_ok", "/time")["body"]
    assert differences(theirs, program.get("/api/v3/time")) == []


def test_new_limit_order(resting: dict[str, Any]) -> None:
    theirs = exchange_of("order_limit_buy_very_low_price", "/order")["body"]
    assert differences(theirs, resting) == []


def test_filled_market_order(program: Program) -> None:
    ours = program.signed("POST", "order", **PAIR, side="BUY", type="MARKET", quantity="0.01")
    fill = {
        "price": "0.00001065",
        "qty": "112.00000000",
        "commission": "0.11200000",
        "commissionAsset": "ADA",
        "tradeId": 22578623,
    }
    assert differences({"fills": [fill], "status": "FILLED"}, ours) == []


def test_queried_and_open_orders(program: Program, resting: dict[str, Any]) -> None:
    theirs = exchange_of("get_order_by_string_symbol_and_orderid_success", "/order")["body"]
    ours = program.signed("GET", "order", **PAIR, orderId=resting["orderId"])
    assert differences(theirs, ours) == []
    recorded = exchange_of("get_open_orders_with_symbol_string_success", "/openOrders")["body"]
    assert differences(recorded, program.signed("GET", "openOrders", **PAIR)) == []


def test_canceled_order(program: Program) -> None:
    placed = program.signed(
        "POST",
        "order",
        **PAIR,
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.001",
        price="30000",
    )
    name = "cancel_order_by_symbol_string_clientorderid_and_timestamp_success"
    theirs = exchange_of(name, "/order")["body"]
    ours = program.signed("DELETE", "order", **PAIR, origClientOrderId=placed["clientOrderId"])
    assert differences(theirs, ours) == []
    assert ours["origClientOrderId"] == placed["clientOrderId"] != ours["clientOrderId"]


@pytest.mark.parametrize(
    ("file", "path", "params"),
    [
        ("get_depth_error", "/depth", {"symbol": "IDONTEXIST", "limit": "1000"}),
        ("get_ticker_error", "/ticker/24hr", {"symbol": "IDONTEXIST"}),
        ("get_klines_interval_err", "/klines", {"symbol": "BTCUSDT", "interval": "1"}),
    ],
)
def test_public_refusals_are_the_same(
    program: Program, file: str, path: str, params: dict[str, str]
) -> None:
    theirs = exchange_of(file, path)["body"]
    assert program.get(f"/api/v3{path}", **params) == theirs


def test_insufficient_balance_is_refused_the_same(program: Program) -> None:
    theirs = exchange_of("order_limit_buy_error_insufficient_balance", "/order")
    ours = program.signed_with_status(
        "POST",
        "order",
        **PAIR,
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="8",
        price="40000",
    )
    assert ours == (theirs["status"], theirs["body"])


def test_missing_key_is_refused_the_same(program: Program) -> None:
    theirs = exchange_of("get_open_orders_for_api_key_and_secret_key", "/openOrders")["body"]
    assert program.get("/api/v3/openOrders", timestamp=1) == theirs
