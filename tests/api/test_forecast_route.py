"""POST /v1/forecast over a real socket: what is answered, what is refused and how."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.api.conftest import refused

from tradinglab.domain.forecast import ServedForecasts
from tradinglab.predictor import Predictor

JSON = {"Content-Type": "application/json"}


def only(response):
    """The one forecast of an answer."""
    assert response.status_code == 200, response.text
    (made,) = ServedForecasts.model_validate_json(response.content).forecasts
    return made


def test_a_forecast_is_the_predictors(http, artifact, body, snapshots):
    response = http.post("/v1/forecast", json=body)
    assert response.headers["X-Artifact-Digest"] == artifact.digest
    made = only(response)
    (expected,) = Predictor.load(artifact).forecast(snapshots[None], [body["bar_open_time"]])
    assert made.digest == artifact.digest
    assert made.bar_open_time == body["bar_open_time"]
    assert made.data_time == body["bar_open_time"] + 3_600_000
    assert made.expires_at == body["bar_open_time"] + 2 * 3_600_000
    assert made.verdict == "Unproven"
    assert made.expected_class == expected.expected_class
    assert made.attention is None
    assert made.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
    assert made.volatility_per_bar == pytest.approx(expected.volatility_per_bar, rel=1e-6)
    assert made.volatility_annualised == pytest.approx(made.volatility_per_bar * 8760**0.5)


def test_attention_comes_on_request_and_sums_to_one(http, artifact, body):
    made = only(http.post("/v1/forecast?attention=true", json=body))
    assert len(made.attention) == artifact.manifest.window_bars
    assert sum(made.attention) == pytest.approx(1)
    assert "attention" not in http.post("/v1/forecast?attention=false", json=body).text


@pytest.mark.parametrize("query", ["attention=yes", "attentoin=true", "space=raw"])
def test_an_odd_query_is_named(http, body, query):
    problem = refused(http.post(f"/v1/forecast?{query}", json=body), 422)
    assert problem["field"] == query.split("=")[0]


def test_the_last_row_decides_the_forecast(http, body):
    first = only(http.post("/v1/forecast", json=body))
    body["snapshots"][-1][5] += 10
    assert only(http.post("/v1/forecast", json=body)).momentum != first.momentum


def test_too_few_rows_are_counted(http, body, artifact):
    lookback = artifact.manifest.lookback_bars
    body["snapshots"] = body["snapshots"][:700]
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert problem["detail"] == f"snapshots has 700 rows, expected {lookback} rows of 12 values"
    assert problem["field"] == "snapshots"


def test_a_short_row_is_named(http, body):
    body["snapshots"][40] = body["snapshots"][40][:11]
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert problem["detail"] == "snapshots[40] has 11 values, expected 12"


def test_rows_of_neither_space_are_refused(http, body):
    body["snapshots"] = [row[:3] for row in body["snapshots"]]
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert problem["field"] == "snapshots[0]"
    assert "expected 12 raw values or 5 components" in problem["detail"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1.5", "1.5"), (True, "true"), (None, "null"), ({}, "an object"), ([1], "a list")],
)
def test_a_value_that_is_no_number_is_named(http, body, value, shown):
    body["snapshots"][50][5] = value
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert problem["field"] == "snapshots[50][5] (rsi)"
    assert problem["value"] == shown
    assert "expected a finite number" in problem["detail"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused(http, body, value):
    body["snapshots"][-1][3] = value
    problem = refused(http.post("/v1/forecast", content=json.dumps(body), headers=JSON), 422)
    assert problem["field"] == f"snapshots[{len(body['snapshots']) - 1}][3] (close)"
    assert "finite" in problem["detail"]


@pytest.mark.parametrize("literal", ["1e400", "-1e999"])
def test_a_number_too_large_for_a_double_is_refused(http, body, literal):
    content = json.dumps(body).replace(str(body["snapshots"][-1][3]), literal)
    problem = refused(http.post("/v1/forecast", content=content, headers=JSON), 422)
    assert "snapshots[" in problem["field"]


def test_a_missing_price_is_refused_even_in_the_first_rows(http, body):
    body["snapshots"][0][3] = None
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert problem["field"] == "snapshots[0][3] (close)"


@pytest.mark.parametrize(("column", "name"), [(0, "open"), (3, "close")])
@pytest.mark.parametrize("price", [0, -1.5])
def test_a_price_that_is_not_positive_is_named(http, body, column, name, price):
    body["snapshots"][-1][column] = price
    problem = refused(http.post("/v1/forecast", json=body), 422)
    row = len(body["snapshots"]) - 1
    assert problem["field"] == f"snapshots[{row}][{column}] ({name})"
    assert "expected a price above 0" in problem["detail"]


@pytest.mark.parametrize("value", [1e308, 1e-308, -1e308])
@pytest.mark.parametrize("column", range(12))
def test_an_extreme_value_gives_a_forecast_or_a_refusal(http, body, value, column):
    body["snapshots"][-1][column] = value
    assert http.post("/v1/forecast", json=body).status_code in (200, 422)


@pytest.mark.parametrize(
    "value", [-3_600_000, 1_704_067_200_001, 1e12, "1704067200000", None, True, 10**18]
)
def test_a_bar_time_that_no_bar_has_is_refused(http, body, value):
    body["bar_open_time"] = value
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert problem["field"] == "bar_open_time"
    assert problem["expected"]


@pytest.mark.parametrize("name", ["bar_open_time", "snapshots"])
def test_a_missing_field_is_named(http, body, name):
    del body[name]
    problem = refused(http.post("/v1/forecast", json=body), 422)
    assert (problem["field"], problem["detail"]) == (name, f"{name} is missing")


def test_an_unknown_field_is_named(http, body):
    problem = refused(http.post("/v1/forecast", json=body | {"snapshot": []}), 422)
    assert problem["field"] == "snapshot"


@pytest.mark.parametrize("content", [b"[]", b"1", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_refused(http, content):
    assert refused(http.post("/v1/forecast", content=content, headers=JSON), 422)["field"] == "body"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{}", b"[" * 60_000, b'{"a":1}' * 2, b"\x00"]
)
def test_a_body_that_is_no_json_is_refused(http, content):
    assert refused(http.post("/v1/forecast", content=content, headers=JSON), 400)["field"] == "body"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_refused(http, kind):
    response = http.post("/v1/forecast", content=b"{}", headers={"Content-Type": kind})
    assert "expected application/json" in refused(response, 415)["detail"]


@pytest.mark.parametrize("size", [(16 << 20) + 1, 40 << 20])
def test_a_body_that_is_too_large_is_refused_with_the_limit(http, size):
    response = http.post("/v1/forecast", content=b" " * size, headers=JSON)
    problem = refused(response, 413)
    assert problem["field"] == "body"
    assert str(16 << 20) in problem["detail"]


def test_an_unknown_path_and_method_are_refused(http):
    problem = refused(http.get("/v2/forecast"), 404)
    assert (problem["field"], problem["value"]) == ("path", "/v2/forecast")
    response = http.get("/v1/forecast")
    assert refused(response, 405)["field"] == "method"
    assert "POST" in response.headers["Allow"]


def test_a_malformed_request_line_is_a_problem_too(api):
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /v1/forecast HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"application/problem+json" in answer


def test_a_request_id_comes_back_in_answer_and_problem(http, body):
    given = {"X-Request-Id": "bar-42"}
    assert http.post("/v1/forecast", json=body, headers=given).headers["X-Request-Id"] == "bar-42"
    response = http.get("/nothing", headers=given)
    assert (response.headers["X-Request-Id"], response.json()["request_id"]) == ("bar-42",) * 2


def test_a_request_id_is_made_where_none_or_an_odd_one_is_given(http):
    made = http.get("/healthz").headers["X-Request-Id"]
    assert len(made) == 32
    assert http.get("/healthz", headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"] != "a b"


def test_each_step_is_logged_at_debug(api, http, body):
    http.post("/v1/forecast", json=body, headers={"X-Request-Id": "traced"})
    deadline = time.monotonic() + 10  # the last line is written after the answer
    while time.monotonic() < deadline and not any("request answered" in x for x in api.lines[-3:]):
        time.sleep(0.01)
    steps = [line for line in api.lines if "request_id=traced" in line]
    (made,) = [line for line in steps if "forecast made" in line]
    for word in ("shape=", "space=raw", "pca=applied", "window=", "decode_", "model_", "encode_"):
        assert word in made
    assert any("request answered" in line and "status=200" in line for line in steps)


def test_metrics_count_requests_and_name_the_artifact(http, body, artifact):
    def value(name):
        for line in http.get("/metrics").text.splitlines():
            if line.startswith(name):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    counted = 'tradinglab_api_requests_total{route="/v1/forecast",status="200"}'
    before = value(counted), value("tradinglab_api_forecasts_total")
    http.post("/v1/forecast", json=body)
    assert value(counted) == before[0] + 1
    assert value("tradinglab_api_forecasts_total") == before[1] + 1
    assert value(f'tradinglab_api_artifact_info{{digest="{artifact.digest}"') == 1
    assert value("tradinglab_api_ready") == 1
    assert value("process_resident_memory_bytes") > 1e7


def test_forecasts_asked_for_at_once_are_each_answered_with_their_own_bar(http, body, api):
    def ask(number):
        own = body | {"bar_open_time": body["bar_open_time"] + number * 3_600_000}
        return only(httpx.post(f"{api.url}/v1/forecast", json=own, timeout=30)).bar_open_time

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(ask, range(24)))
    assert answered == [body["bar_open_time"] + n * 3_600_000 for n in range(24)]
