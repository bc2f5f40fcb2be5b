"""Whatever is sent: an answer in time, never a 5xx, and every refusal names what is wrong."""

import io
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.api.conftest import refused, settings_of
from tests.api.mutations import Mutations

SECONDS_FOR_AN_ANSWER = 5
LARGEST_RESIDENT_MEGABYTES = 400


@pytest.fixture
def alone(start, volume, artifact):
    """An API of its own: what it is sent may not disturb other tests."""
    return start(settings_of(volume, artifact)).await_serving()


def resident_megabytes(pid):
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024


def records(body):
    rows = np.array(body["snapshots"], np.float64)
    form = [("bar_open_time", "<i8"), ("snapshots", "<f4", rows.shape)]
    made, content = np.empty(1, form), io.BytesIO()
    made["bar_open_time"], made["snapshots"] = body["bar_open_time"], rows
    np.save(content, made, allow_pickle=False)
    return content.getvalue()


def send_spoilt(api, body, count, seed):
    """Sends so many spoilt bodies; returns how many were answered with which status."""
    row = {
        "bar_open_time": body["bar_open_time"] + 3_600_000,
        "snapshot": body["snapshots"][-1],
    }
    mutations = Mutations(seed, row, body, records(body))
    answered = Counter()
    with httpx.Client(base_url=api.url, timeout=SECONDS_FOR_AN_ANSWER) as client:
        for _ in range(count):
            spoilt = mutations.next()
            headers = {"Content-Type": spoilt.content_type}
            if spoilt.coding:
                headers["Content-Encoding"] = spoilt.coding
            answer = client.request(
                spoilt.method, spoilt.path, content=spoilt.content, headers=headers
            )
            where = f"{spoilt.how} {spoilt.path}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, where
            if answer.status_code != 200:
                assert answer.headers["Content-Type"] == "application/problem+json", where
                assert answer.json().get("field"), where
            answered[answer.status_code] += 1
        assert client.get("/readyz").status_code == 200
    assert resident_megabytes(api.process.pid) < LARGEST_RESIDENT_MEGABYTES
    assert not [line for line in api.lines if "ERROR" in line or "Traceback" in line]
    return answered


def send_100_megabytes(api):
    def blocks():
        for _ in range(100):
            yield b" " * (1 << 20)

    headers = {"Content-Type": "application/json", "Content-Length": str(100 << 20)}
    answer = httpx.post(f"{api.url}/v1/forecast", content=blocks(), headers=headers, timeout=20)
    assert refused(answer, 413)["field"] == "body"


def test_spoilt_bodies_are_refused_with_the_field(alone, body):
    answered = send_spoilt(alone, body, count=400, seed=1)
    assert {200, 400, 413, 415, 422} <= set(answered), answered


@pytest.mark.prove
@pytest.mark.timeout(1600)
def test_ten_thousand_spoilt_bodies_are_refused_with_the_field(alone, body):
    answered = send_spoilt(alone, body, count=10_000, seed=2)
    send_100_megabytes(alone)
    print(f"spoilt bodies by status: {dict(sorted(answered.items()))}")


def test_a_body_of_100_megabytes_is_refused_and_the_next_request_answered(alone, body):
    send_100_megabytes(alone)
    assert httpx.post(f"{alone.url}/v1/forecast", json=body, timeout=10).status_code == 200
    assert resident_megabytes(alone.process.pid) < LARGEST_RESIDENT_MEGABYTES


def test_the_most_values_that_are_parsed_at_once_stay_within_memory(alone):
    row = b"[" + b",".join([b"0"] * 12) + b"]"
    history = b'{"bar_open_time":0,"snapshots":[%s]}' % b",".join([row] * 728)
    content = b'{"inputs":[%s]}' % b",".join([history] * 205)  # two million values less a few
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(post_json, alone, "/v1/forecasts", content) for _ in range(5)]
        answers = [each.result() for each in asking]
    assert refused(answers[0], 422)["field"] == "inputs[0].snapshots[0][0] (open)"
    assert resident_megabytes(alone.process.pid) < 1.5 * LARGEST_RESIDENT_MEGABYTES


@pytest.mark.parametrize(
    "block", [b"[0],", b"[],", b"0,", b'{"a":0},', b'"",', b"[0,0,0,0,0,0,0,0,0,0,0,0],"]
)
@pytest.mark.parametrize(
    "path", ["/v1/forecast", "/v1/forecasts", "/v1/streams/large"], ids=lambda p: p.rsplit("/")[-1]
)
def test_large_bodies_sent_at_once_stay_within_memory(alone, block, path):
    """Sixteen megabytes of text are many more of lists and numbers."""
    field = b'{"bar_open_time":0,"%s":[' % (b"inputs" if path.endswith("s") else b"snapshots")
    content = field + block * ((15 << 20) // len(block))
    for end in (b"0]}", b"[0]]}"):
        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(post_json, alone, path, content + end) for _ in range(4)]
            assert {each.result().status_code for each in asking} <= {400, 405, 422}
    assert resident_megabytes(alone.process.pid) < LARGEST_RESIDENT_MEGABYTES


def post_json(api, path, content):
    headers = {"Content-Type": "application/json"}
    return httpx.post(f"{api.url}{path}", content=content, headers=headers, timeout=60)


def conforms(api, folder, examples, seed):
    """Runs schemathesis against the served document; its report is the failure's message.

    What the schema cannot say (that times are multiples of the bar, and how many rows the artifact
    takes) is refused with 422, so data that fits the schema alone need not be accepted.
    """
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/v1/openapi.json"),
            *("--max-examples", str(examples), "--phases", "coverage,fuzzing"),
            *("--exclude-checks", "positive_data_acceptance", "--seed", str(seed), "--no-color"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    return re.search(r"\d+ generated, \d+ passed", ended.stdout)[0]


def test_the_api_is_what_its_document_says(alone, tmp_path):
    conforms(alone, tmp_path, examples=10, seed=1)


@pytest.mark.prove
@pytest.mark.timeout(1600)
def test_the_api_is_what_its_document_says_in_many_examples(alone, tmp_path):
    began = time.monotonic()
    told = conforms(alone, tmp_path, examples=1000, seed=2)
    print(f"schemathesis: {told} in {time.monotonic() - began:.0f} s")
