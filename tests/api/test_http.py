"""What good APIs do: OpenAPI, ETag, rate limit, problem details that name the field."""

import time

import httpx
import pytest
from tests.api.artifacts import MODEL
from tests.api.conftest import refused, settings_of

from tradinglab_api.openapi import openapi_document
from tradinglab_api.operations import OPERATIONS
from tradinglab_api.rate_limit import RateLimit


def test_the_model_is_not_sent_again_while_its_etag_fits(http, artifact):
    answer = http.get("/v1/model")
    assert answer.headers["ETag"] == f'"{artifact.digest}"'
    again = http.get("/v1/model", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert http.get("/v1/model", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_openapi_document_is_served_and_lists_every_operation(http):
    document = http.get("/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    listed = {(m.upper(), p) for p, methods in document["paths"].items() for m in methods}
    told = {(o.method, o.path.replace("<", "{").replace(">", "}")) for o in OPERATIONS}
    assert listed == told
    row = document["components"]["schemas"]["NextRow"]
    assert row["additionalProperties"] is False
    assert set(row["required"]) == {"bar_open_time", "snapshot"}


def test_every_reference_of_the_openapi_document_leads_somewhere():
    document = openapi_document("1", key_demanded=True)

    def references(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_the_page_needs_nothing_from_elsewhere(http):
    answer = http.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    for text in ("/v1/streams/{stream}", "id='stream-gap'", "NamedSnapshot"):
        assert text in answer.text
    for foreign in ("<script", "https://", "http://", "@import", "url("):
        assert foreign not in answer.text


def test_a_client_that_asks_too_often_is_told_when_to_come_back(start, volume, artifact):
    limits = {"RATE_LIMIT_PER_SECOND": 2, "RATE_LIMIT_BURST": 3}
    api = start(settings_of(volume, artifact) | limits).await_serving()
    with httpx.Client(base_url=api.url) as client:
        answers = [client.get("/v1/model") for _ in range(6)]
        assert [answer.status_code for answer in answers[:3]] == [200] * 3
        problem = refused(answers[-1], 429)
        assert (problem["field"], problem["value"]) == ("client", "127.0.0.1")
        assert answers[-1].headers["Retry-After"] == "1"
        assert client.get("/healthz").status_code == 200
        time.sleep(1.1)
        assert client.get("/v1/model").status_code == 200


def test_a_stream_is_guarded_and_told_of_like_every_route(start, volume, artifact, body):
    settings = settings_of(volume, artifact) | {"API_KEY": "k", "LOG_LEVEL": "DEBUG"}
    api = start(settings).await_serving()
    row = {
        "bar_open_time": body["bar_open_time"] + 3_600_000,
        "snapshot": body["snapshots"][-1],
    }
    with httpx.Client(base_url=api.url) as client:
        assert refused(client.post("/v1/streams/a", json=row), 401)["field"] == "Authorization"
        client.headers = {"Authorization": "Bearer k", "X-Request-Id": "bar-7"}
        assert client.put("/v1/streams/a", json=body).status_code == 200
        answer = client.post("/v1/streams/a", json=row)
        assert answer.headers["X-Request-Id"] == "bar-7"
        assert answer.headers["X-Artifact-Digest"] == artifact.digest
        attentive = client.post("/v1/streams/a?attention=true", json=row)
        assert len(attentive.json()["forecasts"][0]["attention"]) == artifact.manifest.window_bars
    steps = [line for line in api.lines if "request_id=bar-7" in line]
    assert any("forecast made" in line and "shape=(1, 8, 5)" in line for line in steps)
    assert any("path=/v1/streams/a status=200" in line for line in steps)


def test_a_bucket_refills_at_its_rate_and_no_further_than_the_burst():
    limit = RateLimit(per_second=10, burst=2)
    assert [limit.seconds_to_wait("a", 0.0) for _ in range(2)] == [0, 0]
    assert limit.seconds_to_wait("a", 0.0) == pytest.approx(0.1)
    assert limit.seconds_to_wait("b", 0.0) == 0
    assert limit.seconds_to_wait("a", 0.1) == 0
    assert [limit.seconds_to_wait("a", 60.0) == 0 for _ in range(3)] == [True, True, False]


def test_no_more_clients_are_remembered_than_fit():
    limit = RateLimit(per_second=1, burst=1)
    for number in range(5000):
        limit.seconds_to_wait(str(number), 0.0)
    assert len(limit._buckets) == 4096


def test_an_api_without_an_artifact_names_the_reason_everywhere(start):
    api = start({"MODEL": MODEL}).await_serving()
    with httpx.Client(base_url=api.url) as client:
        for method, path in (("POST", "/v1/forecast"), ("PUT", "/v1/streams/a")):
            answer = client.request(method, path, json={})
            assert refused(answer, 503)["detail"] == "no artifact is assigned yet"
            assert answer.headers["Retry-After"]
        assert client.get("/docs").status_code == 200
