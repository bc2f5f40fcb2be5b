"""What the comparison of all recorded answers leaves out: filters, widths of rows, ids."""

from collections.abc import Iterator

import pytest
from tests.contract.exchange_messages import differences, document, exchange_of
from tests.exchange.running import Program, exchange

PAIR = {"symbol": "BTCUSDT"}


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with exchange() as running:
        yield running


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


def test_canceled_order_keeps_its_id_beside_that_of_the_cancel(program: Program) -> None:
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "30000"}
    placed = program.signed("POST", "order", **PAIR, **order, quantity="0.001")
    ours = program.signed("DELETE", "order", **PAIR, origClientOrderId=placed["clientOrderId"])
    assert ours["origClientOrderId"] == placed["clientOrderId"] != ours["clientOrderId"]
