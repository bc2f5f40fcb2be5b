"""Killed under load, artifact changed, volume gone: the old forecasts or none, never others."""

import asyncio
import shutil
import time

import httpx
import pytest
from tests.api.artifacts import small_artifact
from tests.api.conftest import settings_of
from tests.api.test_forecast_route import only
from tests.integration.programs import until_async

from tradinglab.adapters.inference_client import InferenceClient
from tradinglab.errors import ForecastUnavailable

HOUR = 3_600_000
CLIENTS = 4


async def ask_until(stop, url, digest, rows, bar_open_time, answers):
    """A bot's client that follows one bar after the other; notes digests and refusals."""
    client = InferenceClient(url, deadline_seconds=5)
    try:
        while not stop.is_set():
            try:
                made = await client.forecast(rows, bar_open_time, digest)
                answers.append(made.digest)
                bar_open_time += HOUR
            except ForecastUnavailable as error:
                answers.append(str(error))
                await asyncio.sleep(0.01)
    finally:
        await client.aclose()


async def under_load(url, digest, rows, bar_open_time, disturb):
    """What the clients were answered while `disturb` (a function, in a thread) did its work."""
    stop, answers = asyncio.Event(), []
    asking = [
        asyncio.create_task(ask_until(stop, url, digest, rows, bar_open_time, answers))
        for _ in range(CLIENTS)
    ]
    await until_async(lambda: len(answers) > 10 * CLIENTS, "answers")
    await asyncio.to_thread(disturb)
    wanted = len(answers) + 10 * CLIENTS
    await until_async(lambda: len(answers) > wanted, "answers afterwards")
    stop.set()
    await asyncio.gather(*asking)
    return answers


async def test_killed_under_load_and_started_again_it_goes_on(
    start, volume, artifact, snapshots, body
):
    settings = settings_of(volume, artifact)
    api = start(settings).await_serving()
    address = api.url.removeprefix("http://")

    def kill_and_start_again():
        api.process.kill()
        api.process.wait()
        time.sleep(0.2)
        start(settings | {"LISTEN": address}).await_serving()

    answers = await under_load(
        api.url, artifact.digest, snapshots, body["bar_open_time"], kill_and_start_again
    )
    assert answers[0] == answers[-1] == artifact.digest
    refusals = {each for each in answers if each != artifact.digest}
    assert refusals
    assert all("cannot be reached" in each for each in refusals), refusals


async def test_killed_and_replaced_by_another_artifact_no_forecast_of_that_is_taken(
    start, volume, artifact, other_artifact, snapshots, body
):
    api = start(settings_of(volume, artifact)).await_serving()
    address = api.url.removeprefix("http://")

    def kill_and_start_the_other():
        api.process.kill()
        api.process.wait()
        start(settings_of(volume, other_artifact) | {"LISTEN": address}).await_serving()

    answers = await under_load(
        api.url, artifact.digest, snapshots, body["bar_open_time"], kill_and_start_the_other
    )
    assert answers[0] == artifact.digest
    assert other_artifact.digest not in answers
    assert f"serves artifact {other_artifact.digest}, expected {artifact.digest}" in answers[-1]


def test_an_artifact_that_changes_on_disk_does_not_change_what_is_served(start, tmp_path, body):
    artifact = small_artifact(tmp_path, seed=1)
    other = small_artifact(tmp_path / "other", seed=2)
    api = start(settings_of(tmp_path, artifact)).await_serving()
    before = only(httpx.post(f"{api.url}/v1/forecast", json=body))
    for file in other.path.iterdir():
        shutil.copy(file, artifact.path / file.name)
    assert only(httpx.post(f"{api.url}/v1/forecast", json=body)) == before
    assert httpx.get(f"{api.url}/readyz").json()["digest"] == artifact.digest
    again = start(settings_of(tmp_path, artifact))
    assert again.process.wait(60) == 2
    assert any("manifest.json" in line for line in again.lines)


def test_a_graph_that_changes_on_disk_is_not_served_after_a_start(start, tmp_path, body):
    artifact = small_artifact(tmp_path, seed=1)
    other = small_artifact(tmp_path / "other", seed=2)
    api = start(settings_of(tmp_path, artifact)).await_serving()
    before = only(httpx.post(f"{api.url}/v1/forecast", json=body))
    shutil.copy(other.path / "model.onnx", artifact.path / "model.onnx")
    assert only(httpx.post(f"{api.url}/v1/forecast", json=body)) == before
    again = start(settings_of(tmp_path, artifact))
    assert again.process.wait(60) == 2
    assert any("model.onnx has SHA-256" in line for line in again.lines)


@pytest.mark.parametrize("gone", ["runs", "volume"])
def test_without_the_volume_it_serves_on_but_does_not_start(start, tmp_path, body, gone):
    volume = tmp_path / "volume"
    artifact = small_artifact(volume)
    api = start(settings_of(volume, artifact)).await_serving()
    before = only(httpx.post(f"{api.url}/v1/forecast", json=body))
    shutil.rmtree(volume if gone == "volume" else artifact.path.parent)
    assert only(httpx.post(f"{api.url}/v1/forecast", json=body)) == before
    assert httpx.get(f"{api.url}/readyz").status_code == 200
    again = start(settings_of(volume, artifact))
    assert again.process.wait(60) == 2
    assert any(artifact.digest in line for line in again.lines)
