"""The real operator process against the fake API server, in real time.

Used by the tests of kills and watches, and by the bench of its memory.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from tests.operator.artifacts import store_artifact
from tests.operator.cluster_story import TEMPLATE
from tests.operator.fake_api import FakeApi, stamp

from tradinglab_operator.local.serving import free_port

# Longer than the second that the stamps of a cluster tell apart.
TRAINING = timedelta(seconds=1.5)


def resident_megabytes(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


class OperatorProcess:
    """`serve` with its own kubeconfig; `start` it as often as it was killed."""

    def __init__(self, api: FakeApi, directory: Path, tick_seconds: float = 1.0) -> None:
        self.api, self.volume = api, directory / "volume"
        self.volume.mkdir(exist_ok=True)
        self.log = directory / "operator.log"
        self.port = free_port()
        template, config = directory / "job.yaml", directory / "kubeconfig"
        template.write_text(yaml.safe_dump(TEMPLATE))
        named = {
            "clusters": [{"name": "fake", "cluster": {"server": api.url}}],
            "users": [{"name": "us", "user": {"token": "secret-token"}}],
            "contexts": [{"name": "it", "context": {"cluster": "fake", "user": "us"}}],
        }
        config.write_text(yaml.safe_dump({"current-context": "it", **named}))
        self.environment = {
            **{name: value for name, value in os.environ.items() if "TRADINGLAB" not in name},
            "KUBECONFIG": str(config),
            "TRADINGLAB_NAMESPACE": "lab",
            "TRADINGLAB_VOLUME": str(self.volume),
            "TRADINGLAB_JOB_TEMPLATE": str(template),
            "TRADINGLAB_LISTEN": f"127.0.0.1:{self.port}",
            "TRADINGLAB_TICK_SECONDS": str(tick_seconds),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tradinglab_operator.main", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def memory_megabytes(self) -> float:
        return resident_megabytes(self.process.pid) if self.process else 0.0

    def is_alive(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as told:
                return told.status == 200
        except OSError:
            return False

    def told(self) -> str:
        return self.log.read_text()[-3000:]

    def play(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        """The controllers, the trainer and a new operator whenever one was killed."""
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, (self.told(), self.api.writes[-5:])
            if self.ended():
                self.start()
            self.step()
            time.sleep(0.02)

    def step(self) -> None:
        now = datetime.now(UTC)
        for name in self.api.names("jobs"):
            job = self.api.get("jobs", name)
            age = now - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
            running = not (job.get("status") or {}).get("conditions")
            if running and age > TRAINING:
                model = job["metadata"]["ownerReferences"][0]["name"]
                store_artifact(self.volume, f"lab/{model}", name, now)
                condition = {"type": "Complete", "status": "True", "lastTransitionTime": stamp(now)}
                self.api.set_status("jobs", name, conditions=[condition], completionTime=stamp(now))
        for name in self.api.names("deployments"):
            deployment = self.api.get("deployments", name)
            seen = deployment["status"].get("observedGeneration")
            if self.api.served(name) and seen != deployment["metadata"]["generation"]:
                self.api.roll(name)
