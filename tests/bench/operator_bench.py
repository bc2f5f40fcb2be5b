"""What the operator's process holds and how fast it acts, beside a kopf program that does nothing.

    python -m tests.bench.operator_bench --models 20 --visits 120

The real process and the real client against an API server on loopback, so the server's time is in
the figures. The peer watches the same three kinds with empty handlers.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.results import record
from tests.operator.artifacts import store_artifact
from tests.operator.cluster_story import tradingmodel
from tests.operator.fake_api import FakeApi
from tests.operator.operator_process import OperatorProcess, resident_megabytes

WHOLE = 200
APPLIES = 20
TICK_SECONDS = 1.0
VISITS_IN_TEN_MINUTES = 120  # at the default of five seconds
PEER = """
import kopf
async def nothing(**_): pass
for what in (("tradinglab.dev", "v1alpha1", "tradingmodels"), ("batch", "v1", "jobs"),
             ("apps", "v1", "deployments")):
    kopf.on.event(*what)(nothing)
@kopf.on.startup()
async def start(settings, **_):
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
kopf.run(standalone=True, namespace="lab")
"""


def wait(what: str, done: Callable[[], bool], seconds: float = 120.0) -> float:
    """Seconds until `done`."""
    begun = time.monotonic()
    while not done():
        if time.monotonic() - begun > seconds:
            raise RuntimeError(f"{what}: not within {seconds:g} s")
        time.sleep(0.005)
    return time.monotonic() - begun


@contextmanager
def operator(models: int):
    """With `models` of them, each served by its own Deployment from an artifact of before."""
    with FakeApi() as api, tempfile.TemporaryDirectory() as directory:
        process = OperatorProcess(api, Path(directory), TICK_SECONDS)
        for number in range(models):
            name = f"m{number:03d}"
            trained = datetime.now(UTC) - timedelta(days=1)
            digest = store_artifact(process.volume, f"lab/{name}", name, trained).digest
            api.add_deployment(f"{name}-api")
            api.annotate(f"{name}-api", digest)
            api.roll(f"{name}-api")
            api.put("tradingmodels", tradingmodel(name, serving={"deployment": f"{name}-api"}))
        try:
            yield process
        finally:
            process.close()


def ready(api: FakeApi) -> int:
    """How many models are told to be ready."""
    told = [api.get("tradingmodels", name).get("status") for name in api.names("tradingmodels")]
    return sum(
        any(each["type"] == "Ready" and each["status"] == "True" for each in status["conditions"])
        for status in told
        if status
    )


def visits(api: FakeApi) -> int:
    """Each reads the list of Jobs once; kopf's own lists are few."""
    return sum(call.plural == "replicasets" for call in list(api.calls))


def at_rest(models: int, number: int) -> None:
    """Memory and writes of a process that has nothing to do."""
    with operator(models) as process:
        api = process.api
        process.start()
        wait("all are ready", lambda: ready(api) == models)
        time.sleep(3)
        written, seen = len(api.writes), visits(api)
        wait("the visits", lambda: visits(api) - seen >= number, number * TICK_SECONDS * 5)
        writes, own = len(api.writes) - written, process.memory_megabytes()
        peer = peer_megabytes(process)
    print(f"at rest with {models} models: {own:.1f} MB (a kopf that does nothing: {peer:.1f} MB)")
    print(f"writes in {number} visits ({number * 5 / 60:.0f} min at the default): {writes}")
    record("operator memory", own, "MB", "<= 90", peer, peer / own)
    record("operator writes in ten idle minutes", writes, "writes", "<= 0")


def peer_megabytes(process: OperatorProcess) -> float:
    peer = subprocess.Popen(
        [sys.executable, "-c", PEER],
        env=process.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        watchers = len(process.api.watchers)
        wait("the peer's watches", lambda: len(process.api.watchers) >= watchers + 3)
        time.sleep(2)
        return resident_megabytes(peer.pid)
    finally:
        peer.kill()
        peer.wait()


def many(models: int) -> None:
    """From the start of the process until every model has its whole status."""
    with operator(models) as process:
        process.start()
        seconds = wait("all are ready", lambda: ready(process.api) == models, 300)
        memory = process.memory_megabytes()
    print(f"{models} models reconciled in {seconds:.1f} s from the start; {memory:.1f} MB")
    record(f"operator: {models} models reconciled", seconds, "s", "<= 60")


def applies(number: int) -> None:
    """From the API server's answer to `kubectl apply` to the Job's creation, in a running one."""
    with operator(1) as process:
        api = process.api
        process.start()
        wait("it is ready", lambda: ready(api) == 1)
        wait("its watches", lambda: len(api.watchers) >= 3)
        took = []
        for each in range(number):
            name = f"new-{each}"
            api.add_deployment(f"{name}-api")
            time.sleep(1.1)
            api.put("tradingmodels", tradingmodel(name, serving={"deployment": f"{name}-api"}))
            took.append(wait("the Job", lambda: bool(api.names("jobs"))))
            api.remove("tradingmodels", name)
    p50, worst = statistics.median(took), max(took)
    print(f"apply → Job: p50 {p50 * 1000:.0f} ms, worst of {number} {worst * 1000:.0f} ms")
    record("operator: apply to Job, p50", p50, "s", "<= 1")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--visits", type=int, default=VISITS_IN_TEN_MINUTES)
    given = parser.parse_args(arguments)
    at_rest(given.models, given.visits)
    many(WHOLE)
    applies(APPLIES)


if __name__ == "__main__":
    main(sys.argv[1:])
