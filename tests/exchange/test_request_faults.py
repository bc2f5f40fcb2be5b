"""What may become of a request: late, refused, lost before or after it was accepted."""

import json
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import ccxt
import pytest
from tests.exchange.running import Program, ccxt_client, exchange

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
RESTING = {**ORDER, "quantity": "0.001", "price": "30000"}


@pytest.fixture(scope="module")
def running() -> Iterator[Program]:
    with exchange(faults="true") as program:
        yield program


@pytest.fixture
def faulty(running: Program) -> Program:
    """Without the faults of the test before."""
    running.heal()
    return running


def status_of(program: Program, path: str = "/api/v3/ping") -> tuple[int, str | None]:
    try:
        with urlopen(f"{program.rest}{path}", timeout=5) as answer:
            return answer.status, None
    except HTTPError as refusal:
        return refusal.code, refusal.headers["Retry-After"]


def test_ban_comes_with_418_and_retry_after(faulty: Program) -> None:
    faulty.faults(banned_requests=1, retry_after_seconds=9)
    assert status_of(faulty) == (418, "9")
    assert status_of(faulty) == (200, None)


def test_ban_is_an_error_ccxt_knows(faulty: Program) -> None:
    faulty.faults(banned_requests=1)
    with pytest.raises(ccxt.DDoSProtection):
        ccxt_client(faulty).fetch_time()


def test_chosen_server_error(faulty: Program) -> None:
    faulty.faults(server_errors=1, server_error_status=502)
    assert status_of(faulty)[0] == 502


def test_brown_out_strikes_the_same_requests_for_the_same_seed() -> None:
    def pattern() -> list[int]:
        with exchange(faults="true", seed=5) as program:
            program.faults(server_error_fraction=0.5)
            return [status_of(program)[0] for _ in range(20)]

    first = pattern()
    assert {200, 503} == set(first)
    assert pattern() == first


def test_faults_can_be_kept_to_one_kind_of_request(faulty: Program) -> None:
    faulty.faults(server_errors=1, only="GET /api/v3/time")
    assert status_of(faulty)[0] == 200
    assert status_of(faulty, "/api/v3/time")[0] == 503


def test_slow_answer_comes_late_but_comes(faulty: Program) -> None:
    faulty.faults(slow_requests=1, slow_seconds=0.5)
    started = time.monotonic()
    assert status_of(faulty)[0] == 200
    assert time.monotonic() - started >= 0.5


def test_broken_answer_is_no_json(faulty: Program) -> None:
    faulty.faults(broken_answers=1)
    with pytest.raises(json.JSONDecodeError):
        faulty.get("/api/v3/time")
    assert faulty.get("/api/v3/time")["serverTime"] > 0


def test_refused_order_carries_the_chosen_code(faulty: Program) -> None:
    faulty.faults(refused_orders=1, only="orderList/oco")
    assert faulty.signed("POST", "order", **RESTING)["status"] == "NEW"
    answer = faulty.signed("POST", "orderList/oco", symbol="BTCUSDT")
    assert answer["code"] == -2010 and "insufficient balance" in answer["msg"]
    faulty.faults(only="")
    faulty.signed("DELETE", "openOrders", symbol="BTCUSDT")


def test_unaccepted_order_times_out_and_does_not_exist(faulty: Program) -> None:
    faulty.faults(unaccepted_orders=1, unanswered_seconds=0.2)
    status, answer = faulty.signed_with_status("POST", "order", **RESTING, newClientOrderId="gone")
    assert (status, answer["code"]) == (504, -1007)
    found = faulty.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="gone")
    assert found["code"] == -2013


@pytest.mark.parametrize("skew", [-10_000, 10_000])
def test_clock_may_be_wrong_both_ways(faulty: Program, skew: int) -> None:
    faulty.faults(clock_skew_ms=skew)
    assert faulty.signed("GET", "account")["code"] == -1021
    assert ccxt_client(faulty).fetch_balance()["USDT"]["total"] > 0


def test_retired_listen_keys_are_gone(faulty: Program) -> None:
    for method in ("POST", "PUT", "DELETE"):
        with pytest.raises(HTTPError) as raised:
            urlopen(Request(f"{faulty.rest}/api/v3/userDataStream", method=method), timeout=5)
        assert raised.value.code == 410
