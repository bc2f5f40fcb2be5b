"""The API as a process on a free port, with real artifacts on a temporary volume."""

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.api.artifacts import MODEL, history, small_artifact

START_SECONDS = 60  # imports take long on a busy machine


def refused(response, status):
    """The problem document, which every refusal is."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    return problem


def nullable(snapshots):
    """Rows as JSON holds them."""
    rows = snapshots.astype(object)
    rows[np.isnan(snapshots)] = None
    return rows.tolist()


@dataclass
class Api:
    """A started process; `url` once it serves, `lines` what it has printed so far."""

    process: subprocess.Popen
    lines: list = field(default_factory=list)
    url: str = ""

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def await_serving(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if found := re.search(r"listen=(\S+)", line):
                    self.url = f"http://{found[1]}"
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("the API does not serve:\n" + "\n".join(self.lines))

    def stopped(self, seconds=15):
        """Exit status after SIGTERM."""
        self.process.terminate()
        return self.process.wait(seconds)


def start_api(settings, pass_fds=()):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRADING")}
    environ |= {f"TRADINGLAB_{name}": str(value) for name, value in settings.items()}
    environ.setdefault("TRADINGLAB_LISTEN", "127.0.0.1:0")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tradinglab_api.main"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=pass_fds,
    )
    api = Api(process)
    threading.Thread(target=api.read, daemon=True).start()
    return api


@pytest.fixture
def start():
    """Starts APIs with the given settings and ends them after the test."""
    started = []

    def starting(settings, pass_fds=()):
        started.append(start_api(settings, pass_fds))
        return started[-1]

    yield starting
    for api in started:
        api.process.kill()
        api.process.wait()


@pytest.fixture(scope="session")
def volume(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("volume")


@pytest.fixture(scope="session")
def artifact(volume):
    return small_artifact(volume, seed=1)


@pytest.fixture(scope="session")
def other_artifact(volume):
    return small_artifact(volume, seed=2)


def settings_of(volume, artifact):
    return {"VOLUME": volume, "MODEL": MODEL, "DIGEST": artifact.digest}


@pytest.fixture(scope="session")
def api(volume, artifact):
    """One API for every test that does not change it."""
    started = start_api(settings_of(volume, artifact) | {"LOG_LEVEL": "DEBUG"})
    try:
        yield started.await_serving()
    finally:
        started.process.kill()
        started.process.wait()


@pytest.fixture(scope="session")
def http(api):
    with httpx.Client(base_url=api.url, timeout=30) as client:
        yield client


@pytest.fixture
def snapshots(artifact):
    return history(artifact.manifest.lookback_bars)[0]


@pytest.fixture
def body(artifact):
    """A correct request, to be spoilt by tests."""
    rows, bar_open_time = history(artifact.manifest.lookback_bars)
    return {"bar_open_time": bar_open_time, "snapshots": nullable(rows)}
