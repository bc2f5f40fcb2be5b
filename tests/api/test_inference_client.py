"""The client against a real API, and against servers that misbehave, over real sockets."""

import json
import re
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import SecretStr
from tests.api.artifacts import history
from tests.api.conftest import settings_of

from tradinglab.adapters.inference_client import InferenceClient
from tradinglab.errors import ForecastUnavailable, InputError


@contextmanager
def server(answers):
    """Answers requests in turn with (status, document), bytes as they are, or None: hang up."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.command, content))
            answer = answers[min(len(asked), len(answers)) - 1]
            if answer is None:
                self.close_connection = True
                return
            status, document = answer
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}", asked
    finally:
        running.shutdown()
        running.server_close()


def one(digest="sha256:1", bar=3_600_000, **changes):
    forecast = {
        "digest": digest,
        "verdict": "Unproven",
        "bar_open_time": bar,
        "data_time": bar + 3_600_000,
        "expires_at": bar + 7_200_000,
        "probabilities": [0.25, 0.25, 0.25, 0.25],
        "expected_class": "strong_bullish",
        "momentum": 0.0,
        "volatility_per_bar": 0.01,
        "volatility_annualised": 0.9,
    }
    return forecast | changes


def answer(**changes):
    return {"forecasts": [one(**changes)]}


ROWS = np.ones((3, 12))


async def forecast_from(url, expected_digest="sha256:1", bar=3_600_000, **options):
    client = InferenceClient(url, **options)
    try:
        return await client.forecast(ROWS, bar, expected_digest)
    finally:
        await client.aclose()


async def test_model_and_forecast_come_from_the_api(api, artifact, snapshots, body):
    client = InferenceClient(api.url, deadline_seconds=10)
    facts = await client.model()
    assert (facts.digest, facts.symbol) == (artifact.digest, "BTC/USDT")
    made = await client.forecast(snapshots, body["bar_open_time"], facts.digest)
    assert (made.digest, made.bar_open_time) == (artifact.digest, body["bar_open_time"])
    await client.aclose()


async def test_one_row_follows_another_and_the_history_only_where_it_is_missing(
    http, api, artifact
):
    def streams():
        found = r'_requests_total\{route="/v1/streams/<stream>",status="%s"\} (\S+)'
        text = http.get("/metrics").text
        return [float(re.search(found % status, text)[1]) for status in (200, 409)]

    rows, last = history(artifact.manifest.lookback_bars + 20)
    lookback = artifact.manifest.lookback_bars
    client = InferenceClient(api.url, deadline_seconds=10)
    await client.forecast(rows[:lookback], last - 20 * 3_600_000, artifact.digest)
    before = streams()
    for end in range(lookback + 1, lookback + 20):
        bar = last - (lookback + 20 - end) * 3_600_000
        await client.forecast(rows[end - lookback : end], bar, artifact.digest)
    after = streams()
    assert (after[0] - before[0], after[1] - before[1]) == (19, 0)
    made = await client.forecast(rows[20:], last + 7_200_000, artifact.digest)  # over a hole
    assert made.bar_open_time == last + 7_200_000
    assert streams()[1] == after[1] + 1
    await client.aclose()


async def test_many_histories_are_sent_at_once(api, artifact):
    rows, last = history(artifact.manifest.lookback_bars + 3)
    lookback = artifact.manifest.lookback_bars
    many = np.stack([rows[start : start + lookback] for start in range(4)])
    bars = [last - (3 - i) * 3_600_000 for i in range(4)]
    client = InferenceClient(api.url, deadline_seconds=10)
    made = await client.forecasts(many, bars, artifact.digest, with_attention=True)
    assert [each.bar_open_time for each in made] == bars
    assert all(sum(each.attention) == pytest.approx(1) for each in made)
    alone = await client.forecast(many[3], bars[3], artifact.digest)
    assert alone.probabilities == pytest.approx(made[3].probabilities, abs=1e-6)
    with pytest.raises(ForecastUnavailable, match="expected sha256:0"):
        await client.forecasts(many, bars, "sha256:0")
    await client.aclose()


async def test_the_history_follows_whatever_conflict_there_is():
    with server([(409, {"detail": "rows are missing"}), (200, answer())]) as (url, asked):
        assert (await forecast_from(url)).digest == "sha256:1"
        assert [method for method, _ in asked] == ["POST", "PUT"]
        row, whole = (json.loads(content) for _, content in asked)
        assert row == {"bar_open_time": 3_600_000, "snapshot": [1.0] * 12}
        assert whole == {"bar_open_time": 3_600_000, "snapshots": [[1.0] * 12] * 3}


async def test_what_the_api_refuses_is_an_input_error_in_its_words(api, snapshots):
    client = InferenceClient(api.url, deadline_seconds=10)
    with pytest.raises(InputError, match="snapshots has 700 rows, expected"):
        await client.forecast(snapshots[:700], 3_600_000, None)
    with pytest.raises(InputError, match=r"snapshots\[5\]\[3\] is infinite"):
        spoilt = snapshots.copy()
        spoilt[5, 3] = np.inf
        await client.forecast(spoilt, 3_600_000, None)
    await client.aclose()


async def test_an_api_without_an_artifact_has_no_forecast_now(start):
    api = start({}).await_serving()
    client = InferenceClient(api.url, deadline_seconds=10)
    with pytest.raises(ForecastUnavailable, match="no artifact is assigned yet"):
        await client.model()
    await client.aclose()


async def test_the_key_is_sent(start, volume, artifact):
    api = start(settings_of(volume, artifact) | {"API_KEY": "k"}).await_serving()
    client = InferenceClient(api.url, 10, SecretStr("k"))
    assert (await client.model()).digest == artifact.digest
    await client.aclose()
    wrong = InferenceClient(api.url, 10, SecretStr("other"))
    with pytest.raises(InputError, match="401"):
        await wrong.model()
    await wrong.aclose()


async def test_another_digest_than_expected_is_no_forecast():
    with (
        server([(200, answer(digest="sha256:2"))]) as (url, _),
        pytest.raises(ForecastUnavailable, match="serves artifact sha256:2, expected sha256:1"),
    ):
        await forecast_from(url)


async def test_any_digest_is_taken_where_none_is_expected():
    with server([(200, answer(digest="sha256:2"))]) as (url, _):
        assert (await forecast_from(url, expected_digest=None)).digest == "sha256:2"


async def test_another_bar_than_asked_for_is_no_forecast():
    with (
        server([(200, answer(bar=7_200_000))]) as (url, _),
        pytest.raises(ForecastUnavailable, match="for bar 7200000, expected 3600000"),
    ):
        await forecast_from(url)


@pytest.mark.parametrize(
    "document",
    [
        b"<html>",
        {"digest": "x"},
        answer(probabilities=[0.9, 0.9, 0.1, 0.1]),
        {"forecasts": []},
        one(),
    ],
)
async def test_an_answer_that_is_no_forecast_is_none(document):
    with (
        server([(200, document)]) as (url, _),
        pytest.raises(ForecastUnavailable, match="no ServedForecasts"),
    ):
        await forecast_from(url)


async def test_a_broken_connection_is_tried_once_more():
    with server([None, (200, answer())]) as (url, asked):
        assert (await forecast_from(url)).digest == "sha256:1"
        assert len(asked) == 2


async def test_two_broken_connections_are_enough():
    with server([None]) as (url, asked):
        with pytest.raises(ForecastUnavailable, match="cannot be reached"):
            await forecast_from(url)
        assert len(asked) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_failing_server_is_asked_once_only(status):
    with server([(status, {"detail": "busy elsewhere"})]) as (url, asked):
        with pytest.raises(ForecastUnavailable, match=f"{status}: busy elsewhere"):
            await forecast_from(url)
        assert len(asked) == 1


async def test_nobody_listening_is_told_with_the_address():
    with pytest.raises(ForecastUnavailable, match=r"127.0.0.1:9.*cannot be reached"):
        await forecast_from("http://127.0.0.1:9")


async def test_the_deadline_holds_for_a_server_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(ForecastUnavailable, match=r"did not answer within 0\.3 s"):
            await forecast_from(f"http://127.0.0.1:{silent.getsockname()[1]}", deadline_seconds=0.3)
        assert time.monotonic() - began < 1.5
