"""The API as local children, with the real API program and real artifacts."""

import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.api.artifacts import MODEL, small_artifact

from tradinglab.artifact.store import Artifact
from tradinglab_operator.local.child import end_all
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.serving import LocalServing
from tradinglab_operator.local.story import Story


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[LocalServing]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    served = LocalServing(Home.claim(tmp_path), MODEL, Story(io.StringIO()), listener)
    yield served
    end_all(served.children())
    served.close()
    served.home.release()


def stepped_until(serving: LocalServing, check: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, serving.serving()
        serving.step()
        time.sleep(0.05)


def served_digest(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/v1/model")
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("X-Artifact-Digest") if answer.status == 200 else None
    finally:
        connection.close()


class Client(threading.Thread):
    """Asks without pause; notes which digests answered and every request that failed."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address, self.stop = address, threading.Event()
        self.digests: list[str | None] = []
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.digests.append(served_digest(self.address))
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))


@pytest.fixture
def artifacts(tmp_path: Path) -> list[Artifact]:
    return [small_artifact(tmp_path / "volume", seed) for seed in (1, 2)]


def test_another_artifact_takes_over_without_a_lost_request(
    serving: LocalServing, artifacts: list[Artifact]
) -> None:
    first, second = (artifact.digest for artifact in artifacts)
    serving.ask_for(first)
    stepped_until(serving, lambda: serving.serving().complete)
    client = Client(serving.address)
    client.start()
    try:
        serving.ask_for(second)
        assert not serving.serving().complete
        assert serving.serving().available, "the old one serves until the new is ready"
        stepped_until(serving, lambda: serving.serving().complete)
        stepped_until(serving, lambda: client.digests[-1:] == [second])
    finally:
        client.stop.set()
        client.join(15)
    assert client.failures == []
    assert set(client.digests) == {first, second}
    assert len(serving.children()) == 1


def test_an_api_that_dies_is_started_again(
    serving: LocalServing, artifacts: list[Artifact]
) -> None:
    digest = artifacts[0].digest
    serving.ask_for(digest)
    stepped_until(serving, lambda: serving.serving().complete)
    before = serving.children()[0]
    before.ask_to_end()
    stepped_until(serving, lambda: before not in serving.children())
    assert not serving.serving().available
    stepped_until(serving, lambda: serving.serving().complete)
    assert served_digest(serving.address) == digest


def test_an_artifact_that_cannot_be_loaded_leaves_the_old_one_serving(
    serving: LocalServing, artifacts: list[Artifact]
) -> None:
    first, second = artifacts
    serving.ask_for(first.digest)
    stepped_until(serving, lambda: serving.serving().complete)
    next(second.path.glob("*.onnx")).write_bytes(b"torn")
    serving.ask_for(second.digest)
    for _ in range(40):
        serving.step()
        time.sleep(0.05)
    assert serving.serving().available
    assert not serving.serving().complete
    assert served_digest(serving.address) == first.digest
    serving.ask_for(first.digest)
    stepped_until(serving, lambda: serving.serving().complete)


def test_what_was_asked_for_outlives_the_process(
    serving: LocalServing, artifacts: list[Artifact]
) -> None:
    first, second = (artifact.digest for artifact in artifacts)
    serving.ask_for(first)
    serving.ask_for(second)
    again = LocalServing(serving.home, MODEL, serving.story, serving.listener)
    assert again.serving().digest == second
    assert again.serving().revision_digests == {first, second}
