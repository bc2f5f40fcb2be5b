"""The API as a process: what it refuses to serve, how it starts, hands over and stops."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from tests.api.artifacts import MODEL, small_artifact
from tests.api.conftest import settings_of

from tradinglab.artifact.store import load_artifact, runs_directory
from tradinglab.errors import ArtifactError
from tradinglab.predictor import Predictor


def test_it_is_alive_but_not_ready_while_nothing_is_assigned(start):
    api = start({"MODEL": MODEL}).await_serving()
    assert httpx.get(f"{api.url}/healthz").status_code == 200
    ready = httpx.get(f"{api.url}/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["reason"] == "no artifact is assigned yet"
    model = httpx.get(f"{api.url}/v1/model")
    assert (model.status_code, model.json()["detail"]) == (503, "no artifact is assigned yet")
    assert "tradinglab_api_ready 0.0" in httpx.get(f"{api.url}/metrics").text
    assert api.stopped() == 0


def test_it_is_ready_with_the_digest_it_was_told(api, artifact):
    ready = httpx.get(f"{api.url}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"digest": artifact.digest, "ready": True})
    facts = httpx.get(f"{api.url}/v1/model").json()
    assert facts["digest"] == artifact.digest
    assert facts["verdict"] == "Unproven"
    assert facts["lookback_bars"] == artifact.manifest.lookback_bars


def refusal(start, settings, tmp_path):
    """Starts an API that must refuse; returns its exit status, error lines and last message."""
    termination = tmp_path / "termination"
    api = start(settings | {"TERMINATION_LOG": termination, "LOG_FORMAT": "json"})
    status = api.process.wait(60)
    time.sleep(0.1)
    errors = [line for line in map(json.loads, api.lines) if line["level"] == "ERROR"]
    message = json.loads(termination.read_text()) if termination.exists() else None
    return status, errors, message


def test_a_changed_file_is_refused_with_its_name_and_both_hashes(start, tmp_path):
    artifact = small_artifact(tmp_path)
    graph = artifact.path / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"x")
    status, errors, message = refusal(start, settings_of(tmp_path, artifact), tmp_path)
    assert status == 2
    assert len(errors) == 1
    assert str(graph) in errors[0]["message"]
    assert artifact.manifest.files["model.onnx"].sha256 in errors[0]["message"]
    assert message["reason"] == "ArtifactError"
    assert str(graph) in message["message"]


@pytest.mark.parametrize("name", ["model.onnx", "pipeline.json", "golden.npz"])
@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_file_that_changes_once_the_artifact_is_verified_is_refused(tmp_path, name, change):
    """Between the artifact's hashes and the predictor, which reads the files again."""
    digest = small_artifact(tmp_path, seed=1).digest
    other = small_artifact(tmp_path / "other", seed=2)
    artifact = load_artifact(runs_directory(tmp_path, MODEL), digest)
    (artifact.path / name).unlink()
    if change == "replaced":
        shutil.copy(other.path / name, artifact.path / name)
    told = "has SHA-256" if change == "replaced" else "is missing"
    with pytest.raises(ArtifactError, match=f"{name} {told}"):
        Predictor.load(artifact)


def test_a_volume_that_is_a_file_is_refused_by_name(start, artifact, tmp_path):
    volume = tmp_path / "file"
    volume.write_bytes(b"")
    status, errors, message = refusal(start, settings_of(volume, artifact), tmp_path)
    assert (status, message["reason"]) == (2, "ConfigurationError")
    assert str(volume) in errors[0]["message"]
    assert "expected a directory" in errors[0]["message"]


def test_golden_windows_that_no_longer_come_out_are_refused(start, tmp_path):
    """Hashes fit, numbers do not: as after a processor or a library that computes otherwise."""
    other = small_artifact(tmp_path / "other", seed=3)
    wrong = {"model.onnx": (other.path / "model.onnx").read_bytes()}
    artifact = small_artifact(tmp_path, replaced=wrong)
    status, errors, message = refusal(start, settings_of(tmp_path, artifact), tmp_path)
    assert status == 2
    assert "golden.npz" in errors[0]["message"]
    assert "differs by" in message["message"]


def test_another_digest_than_those_on_the_volume_is_refused(start, volume, artifact, tmp_path):
    wanted = "sha256:" + "ab" * 32
    settings = settings_of(volume, artifact) | {"DIGEST": wanted}
    status, errors, _ = refusal(start, settings, tmp_path)
    assert status == 2
    assert wanted in errors[0]["message"]
    assert str(runs_directory(volume, MODEL)) in errors[0]["message"]


def test_a_volume_that_is_gone_is_refused(start, artifact, tmp_path):
    status, errors, _ = refusal(start, settings_of(tmp_path / "gone", artifact), tmp_path)
    assert status == 2
    assert "gone" in errors[0]["message"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"LISTEN": "8080"}, "TRADINGLAB_LISTEN"),
        ({"DIGEST": "latest"}, "TRADINGLAB_DIGEST"),
        ({"DIGEST": "sha256:" + "ab" * 32}, "TRADINGLAB_VOLUME"),
        ({"LISTEN_FD": 987}, "TRADINGLAB_LISTEN_FD"),
        ({"API_KEY": ""}, "TRADINGLAB_API_KEY is empty"),
        ({"TREADS": 2}, "did you mean TRADINGLAB_THREADS"),
    ],
)
def test_a_wrong_setting_is_named_and_ends_it(start, settings, named):
    api = start(settings)
    assert api.process.wait(60) == 2
    time.sleep(0.1)
    assert any(named in line for line in api.lines), api.lines


def test_an_address_in_use_is_named(start, api):
    address = api.url.removeprefix("http://")
    second = start({"LISTEN": address})
    assert second.process.wait(60) == 2
    time.sleep(0.1)
    assert any(address in line and "ERROR" in line for line in second.lines)


def test_help_lists_every_setting():
    command = [sys.executable, "-m", "tradinglab_api.main", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    for name in ("DIGEST", "LISTEN_FD", "API_KEY", "TERMINATION_LOG"):
        assert f"TRADINGLAB_{name}" in text


def test_the_api_key_is_demanded_under_v1_only_and_never_shown(start, volume, artifact):
    key = "a-key-nobody-should-read"
    settings = settings_of(volume, artifact) | {"API_KEY": key, "LOG_LEVEL": "DEBUG"}
    api = start(settings).await_serving()
    url = f"{api.url}/v1/model"
    right = httpx.get(url, headers={"Authorization": f"Bearer {key}"})
    without, wrong, odd = (
        httpx.get(url, headers=headers)
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": b"Bearer \xe9"})
    )
    assert right.status_code == 200
    assert [answer.status_code for answer in (without, wrong, odd)] == [401, 401, 401]
    assert without.headers["WWW-Authenticate"] == "Bearer"
    assert httpx.get(f"{api.url}/readyz").status_code == 200
    assert key not in without.text + "\n".join(api.lines)
    assert any("key_demanded=true" in line.lower() for line in api.lines)


def ask_until(stop, url, body, answers):
    """Asks over kept-alive connections until told to stop; notes status and digest, or the error.

    As the product's own client it repeats once when a kept-alive connection was closed.
    """
    with httpx.Client(timeout=10) as client:
        while not stop.is_set():
            try:
                try:
                    response = client.post(url, json=body)
                except (httpx.NetworkError, httpx.RemoteProtocolError):
                    response = client.post(url, json=body)
                digests = [each["digest"] for each in response.json().get("forecasts", [])]
                answers.append((response.status_code, *digests))
            except httpx.HTTPError as error:
                answers.append((type(error).__name__, str(error)))


def test_a_new_process_takes_over_a_shared_socket_without_a_failed_request(
    start, volume, artifact, other_artifact, body
):
    with socket.create_server(("127.0.0.1", 0), backlog=256) as shared:
        os.set_inheritable(shared.fileno(), True)
        url = f"http://127.0.0.1:{shared.getsockname()[1]}/v1/forecast"
        inherit = {"LISTEN_FD": shared.fileno()}
        old = start(settings_of(volume, artifact) | inherit, (shared.fileno(),)).await_serving()
        stop, answers = threading.Event(), []
        clients = [
            threading.Thread(target=ask_until, args=(stop, url, body, answers)) for _ in range(4)
        ]
        for client in clients:
            client.start()
        try:
            settings = settings_of(volume, other_artifact) | inherit
            start(settings, (shared.fileno(),)).await_serving()
            time.sleep(0.5)
            assert old.stopped() == 0
            time.sleep(0.5)
        finally:
            stop.set()
            for client in clients:
                client.join(30)
    assert {status for status, _ in answers} == {200}, [a for a in answers if a[0] != 200][:3]
    assert {digest for _, digest in answers} == {artifact.digest, other_artifact.digest}
    assert answers[-1][1] == other_artifact.digest


def test_on_sigterm_it_finishes_the_request_that_is_being_sent(start, volume, artifact, body):
    api = start(settings_of(volume, artifact)).await_serving()
    content = json.dumps(body).encode()
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /v1/forecast HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode())
        connection.sendall(content[:1000])
        time.sleep(0.3)
        api.process.terminate()
        time.sleep(0.7)
        connection.sendall(content[1000:])
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert api.process.wait(10) == 0


def test_during_the_shutdown_delay_it_is_unready_but_still_answers(start, volume, artifact, body):
    settings = settings_of(volume, artifact) | {"SHUTDOWN_DELAY_SECONDS": 2}
    api = start(settings).await_serving()
    api.process.terminate()
    time.sleep(0.5)
    ready = httpx.get(f"{api.url}/readyz")
    assert (ready.status_code, ready.json()["reason"]) == (503, "stopping")
    assert httpx.post(f"{api.url}/v1/forecast", json=body).status_code == 200
    assert api.process.wait(10) == 0


def test_an_idle_connection_does_not_delay_the_end(start):
    api = start({}).await_serving()
    with httpx.Client(base_url=api.url) as client:
        client.get("/healthz")
        began = time.monotonic()
        assert api.stopped() == 0
        assert time.monotonic() - began < 3
