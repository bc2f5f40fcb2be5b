"""What the server refuses itself, and that many who are refused or slow disturb nobody else."""

import json
import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.api.conftest import settings_of

MEGABYTE = 1 << 20
POST = "POST /v1/forecast HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def connected(api):
    host, port = api.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def until_closed(connection):
    """Status, headers by lower-case name, and body."""
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def answer_to(api, sent):
    with connected(api) as connection:
        connection.sendall(sent)
        return until_closed(connection)


def resident_megabytes(api):
    status = Path(f"/proc/{api.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


@pytest.mark.parametrize(
    ("sent", "status", "field", "value"),
    [
        (POST + "Content-Length: many\r\n\r\n", 400, "Content-Length", "many"),
        (POST + f"Content-Length: {'9' * 5000}\r\n\r\n", 400, "Content-Length", "9" * 77 + "..."),
        (POST + f"Content-Length: {1 << 30}\r\n\r\n", 413, "body", str(1 << 30)),
        (POST + "Transfer-Encoding: rot13\r\n\r\n", 400, "Transfer-Encoding", "rot13"),
        (POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "body", "Invalid chunk size"),
        (POST + f"X-Long: {'a' * 20_000}\r\n\r\n", 431, "headers", "16384 bytes or more"),
        (POST + "no colon\r\n\r\n", 400, "headers", "Invalid header"),
        ("GARBAGE\r\n\r\n", 400, "start line", "GARBAGE"),
        ("get / HTTP/1.1\r\n\r\n", 400, "start line", "get / HTTP/1.1"),
        ("GET http://[ HTTP/1.1\r\n\r\n", 400, "start line", "GET http://[ HTTP/1.1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_server_refuses_itself_names_the_field(api, sent, status, field, value):
    found, headers, body = answer_to(api, sent.encode())
    problem = json.loads(body)
    assert (found, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert (problem["field"], problem["value"]) == (field, value)
    assert problem["expected"]
    assert problem["request_id"] == headers["x-request-id"]


def test_the_clients_request_id_comes_back_from_the_server_too(api):
    sent = (POST + "X-Request-Id: mine-1\r\nContent-Length: many\r\n\r\n").encode()
    _, headers, body = answer_to(api, sent)
    assert (headers["x-request-id"], json.loads(body)["request_id"]) == ("mine-1", "mine-1")


def test_no_body_is_awaited_from_whom_the_key_is_missing(start, volume, artifact):
    api = start(settings_of(volume, artifact) | {"API_KEY": "k"}).await_serving()
    for more in ("", "Expect: 100-continue\r\n"):
        status, _, body = answer_to(api, f"{POST}{more}Content-Length: {MEGABYTE}\r\n\r\n".encode())
        assert (status, json.loads(body)["field"]) == (401, "Authorization")
    assert 'status="401"' in httpx.get(f"{api.url}/metrics").text
    with httpx.Client(base_url=api.url, headers={"Authorization": "Bearer k"}) as client:
        assert client.post("/v1/forecast", json={}).status_code == 422


def test_a_body_counts_as_one_request_for_the_rate_limit(start, volume, artifact):
    limits = {"RATE_LIMIT_PER_SECOND": 0.01, "RATE_LIMIT_BURST": 2}
    api = start(settings_of(volume, artifact) | limits).await_serving()
    with httpx.Client(base_url=api.url) as client:
        found = [client.post("/v1/forecast", json={}).status_code for _ in range(3)]
    assert found == [422, 422, 429]


def test_eighty_refused_clients_that_go_on_sending_do_not_delay_others(start, volume, artifact):
    api = start(settings_of(volume, artifact)).await_serving()
    longest = 0.0
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(api)) for _ in range(80)]
        for connection in slow:
            connection.sendall((POST + f"Content-Length: {1 << 30}\r\n\r\n").encode())
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for connection in slow:
                connection.sendall(b" ")
            asked = time.monotonic()
            assert httpx.get(f"{api.url}/healthz", timeout=10).status_code == 200
            longest = max(longest, time.monotonic() - asked)
        statuses = [until_closed(connection)[0] for connection in slow]
    assert longest < 1
    assert statuses == [413] * 80


def test_a_refused_connection_is_closed_though_the_client_keeps_it(start):
    api = start({}).await_serving()
    with connected(api) as connection:
        connection.sendall(b"GARBAGE\r\n\r\n")
        assert until_closed(connection)[0] == 400
        until = time.monotonic() + 15
        with pytest.raises(OSError):
            while time.monotonic() < until:
                connection.sendall(b" ")
                time.sleep(0.1)


def sent_as_far_as_taken(connection, content):
    try:
        connection.sendall(content)
    except OSError:  # refused and closed meanwhile
        return


@pytest.mark.parametrize("settings", [{}, {"API_KEY": "k"}], ids=["open", "key"])
def test_a_hundred_unfinished_bodies_stay_within_memory(start, volume, artifact, body, settings):
    """Fifteen megabytes each, one byte short of its end."""
    api = start(settings_of(volume, artifact) | settings).await_serving()
    before = resident_megabytes(api)
    head = (POST + f"Content-Length: {15 * MEGABYTE}\r\n\r\n").encode()
    content = b" " * (15 * MEGABYTE - 1)
    with ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(connected(api))
            connection.sendall(head)
            sent_as_far_as_taken(connection, content)
        grown = resident_megabytes(api) - before
        asked = time.monotonic()
        assert httpx.get(f"{api.url}/healthz", timeout=10).status_code == 200
        assert time.monotonic() - asked < 1
        if not settings:
            refused = httpx.post(f"{api.url}/v1/forecasts", content=content[:-1], timeout=10)
            assert (refused.status_code, refused.json()["field"]) == (503, "body")
            assert refused.headers["Retry-After"]
    assert grown < (100 if not settings else 20)
    headers = {"Authorization": "Bearer k"}
    until = time.monotonic() + 10
    while httpx.post(f"{api.url}/v1/forecast", json=body, headers=headers).status_code != 200:
        assert time.monotonic() < until, "what the closed connections held is not given back"
