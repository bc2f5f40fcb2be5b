"""Each refusal has the documented code, message and status."""

import time
from pathlib import Path

import pytest
from tests.exchange.running import Program, exchange, fetch

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"symbol": "NONE", "interval": "1h"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "1"}, -1120),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "startTime": "now"}, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, -1130),
        ("exchangeInfo", {"symbol": "NONE"}, -1121),
        ("ticker/price", {"symbol": "NONE"}, -1121),
    ],
)
def test_public_requests(still: Program, path: str, params: dict[str, str], code: int) -> None:
    assert still.get(f"/api/v3/{path}", **params)["code"] == code


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"quantity": "0.000001", "price": "40000"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.001", "price": "40000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.0001", "price": "40000"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "0.1", "price": "100"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (
            {"quantity": "1", "price": "40000"},
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (
            {"quantity": "0.1", "price": "999000", "side": "SELL"},
            -1013,
            "Filter failure: PERCENT_PRICE_BY_SIDE",
        ),
        ({"quantity": "0.001"}, -1102, "Mandatory parameter 'price'"),
        ({"quantity": "0.001", "price": "forty"}, -1100, "Illegal characters"),
        ({"quantity": "0.0010000001", "price": "40000"}, -1111, "too much precision"),
        ({"quantity": "0.001", "price": "40000", "side": "HOLD"}, -1117, "Invalid side."),
        ({"quantity": "0.001", "price": "40000", "type": "GUESS"}, -1116, "Invalid orderType."),
        ({"quantity": "0.001", "price": "40000", "timeInForce": "GTD"}, -1115, "timeInForce"),
        ({"quantity": "0.001", "price": "40000", "newClientOrderId": "a b"}, -1100, "newClient"),
    ],
)
def test_orders(still: Program, fields: dict[str, str], code: int, message: str) -> None:
    status, answer = still.signed_with_status("POST", "order", **{**ORDER, **fields})
    assert (status, answer["code"]) == (400, code)
    assert message in answer["msg"]
    assert still.signed("GET", "openOrders") == []


def test_market_orders_have_a_largest_size_of_their_own(still: Program) -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "121"}
    answer = still.signed("POST", "order", **wanted)
    assert answer == {"code": -1013, "msg": "Filter failure: MARKET_LOT_SIZE"}


def test_filters_can_be_those_of_another_pair() -> None:
    with exchange(symbol="ETH/USDT", tick_size="0.1", step_size="0.01", min_notional=50) as program:
        rules = program.get("/api/v3/exchangeInfo")["symbols"][0]
        by_type = {entry["filterType"]: entry for entry in rules["filters"]}
        assert (rules["symbol"], by_type["LOT_SIZE"]["stepSize"]) == ("ETHUSDT", "0.01000000")
        order = {**ORDER, "symbol": "ETHUSDT"}
        refused = [
            program.signed("POST", "order", **order, quantity=quantity, price=price)["msg"]
            for quantity, price in (("0.01", "30000.05"), ("0.015", "30000"), ("0.01", "4000"))
        ]
    names = ("PRICE_FILTER", "LOT_SIZE", "PERCENT_PRICE_BY_SIDE")
    assert refused == [f"Filter failure: {name}" for name in names]


def test_requests_beyond_the_weight_are_refused_and_then_banned() -> None:
    with exchange(request_weight_limit=5) as program:
        answers = [fetch("GET", f"{program.rest}/api/v3/ping") for _ in range(70)]
    assert [status for status, _ in answers[:5]] == [200] * 5
    statuses = [status for status, _ in answers]
    assert 429 in statuses and statuses[-1] == 418
    assert answers[-1][1]["code"] == -1003


def test_id_of_an_open_order_cannot_be_used_again_until_it_is_done(still: Program) -> None:
    fields = {**ORDER, "quantity": "0.001", "price": "30000", "newClientOrderId": "twice"}
    assert still.signed("POST", "order", **fields)["status"] == "NEW"
    again = still.signed("POST", "order", **fields)
    assert again == {"code": -2010, "msg": "Duplicate order sent."}
    canceled = still.signed("DELETE", "order", symbol="BTCUSDT", origClientOrderId="twice")
    assert canceled["status"] == "CANCELED"
    assert still.signed("POST", "order", **fields)["status"] == "NEW"
    still.signed("DELETE", "openOrders", symbol="BTCUSDT")


def test_test_order_checks_but_places_nothing(still: Program) -> None:
    fields = {**ORDER, "quantity": "0.001", "price": "30000"}
    assert still.signed("POST", "order/test", **fields) == {}
    assert still.signed("GET", "openOrders") == []


@pytest.mark.parametrize("offset_ms", [-6_000, 2_000])
def test_timestamp_outside_the_window(still: Program, offset_ms: int) -> None:
    stamp = int(time.time() * 1000) + offset_ms
    status, answer = still.signed_with_status("GET", "account", timestamp=stamp)
    assert (status, answer["code"]) == (400, -1021)


def test_cancel_replace_tells_how_far_it_came(still: Program) -> None:
    new = {**ORDER, "quantity": "0.001", "price": "30000"}
    old = still.signed("POST", "order", **new)["orderId"]
    fields = {**new, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": old}
    replaced = still.signed("POST", "order/cancelReplace", **fields)
    assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    status, failed = still.signed_with_status("POST", "order/cancelReplace", **fields)
    assert (status, failed["code"]) == (400, -2022)
    assert failed["data"]["newOrderResult"] == "NOT_ATTEMPTED"
    still.signed("DELETE", "openOrders", symbol="BTCUSDT")


def test_cancel_can_be_kept_to_orders_without_a_fill(still: Program) -> None:
    placed = still.signed("POST", "order", **ORDER, quantity="0.001", price="30000")
    wanted = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    refused = still.signed("DELETE", "order", **wanted, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert refused["code"] == -2011
    done = still.signed("DELETE", "order", **wanted, cancelRestrictions="ONLY_NEW")
    assert done["status"] == "CANCELED"


def test_trades_by_id_and_time_at_once_are_refused(still: Program) -> None:
    asked = {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}
    assert still.signed("GET", "myTrades", **asked)["code"] == -1128


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        (("LIMIT_MAKER", "90000", "", "LIMIT_MAKER", "30000", ""), -1168),
        (("STOP_LOSS", "", "90000", "LIMIT_MAKER", "30000", ""), -1197),
        (("LIMIT_MAKER", "30000", "", "STOP_LOSS", "", "20000"), -2010),
    ],
)
def test_impossible_oco_legs(still: Program, legs: tuple[str, ...], code: int) -> None:
    names = (
        "aboveType",
        "abovePrice",
        "aboveStopPrice",
        "belowType",
        "belowPrice",
        "belowStopPrice",
    )
    given = {name: value for name, value in zip(names, legs, strict=True) if value}
    answer = still.signed(
        "POST", "orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.001", **given
    )
    assert answer["code"] == code


def test_canceled_half_of_a_failed_replacement_is_kept(tmp_path: Path) -> None:
    with exchange(state=tmp_path / "state.db") as program:
        old = program.signed("POST", "order", **ORDER, quantity="0.001", price="30000")["orderId"]
        status, answer = program.signed_with_status(
            "POST",
            "order/cancelReplace",
            **{**ORDER, "quantity": "9", "price": "30000"},
            cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrderId=old,
        )
        assert (status, answer["code"]) == (409, -2021)
        program.process.kill()
        program.process.wait(timeout=10)
    with exchange(state=tmp_path / "state.db") as program:
        found = program.signed("GET", "order", symbol="BTCUSDT", orderId=old)
        assert found["status"] == "CANCELED"
