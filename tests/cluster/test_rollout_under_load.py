"""A rollout to a new artifact while 200 requests a second are asked: none fails.

Run by `make e2e`, on the cluster of the other steps. Clients behave as the bot's: a row to their
stream, the history where a new pod lacks it, one retry on a broken connection.
"""

import asyncio
import statistics
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
import yaml
from tests.cluster.kube import ROOT, Namespace, wait_for
from tests.cluster.step_times import say
from tests.market_data import synthetic_bars

from tradinglab.adapters.inference_client import InferenceClient
from tradinglab.domain.market import timeframe_milliseconds
from tradinglab.errors import ForecastUnavailable, InputError
from tradinglab.features.snapshot import compute_snapshots

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

PER_SECOND = 200
CLIENTS = 20
MANIFEST = yaml.safe_load((ROOT / "manifests" / "demo.yaml").read_text())


@dataclass
class Load:
    """Clients in a thread of their own, each asking `PER_SECOND / CLIENTS` times a second."""

    url: str
    bar_milliseconds: int
    snapshots: np.ndarray
    digests: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    async def _client(self, number: int) -> None:
        client = InferenceClient(self.url, deadline_seconds=5)
        interval = CLIENTS / PER_SECOND
        due = time.monotonic() + number * interval / CLIENTS
        bar_open_time = self.bar_milliseconds * 400_000
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += interval
            began = time.monotonic()
            try:
                made = await client.forecast(self.snapshots, bar_open_time, None)
                self.digests.append(made.digest)
                bar_open_time += self.bar_milliseconds
            except (ForecastUnavailable, InputError) as error:
                self.failures.append(str(error))
            self.seconds.append(time.monotonic() - began)
        await client.aclose()


@pytest.fixture(scope="module")
def lab(cluster, images):
    lab = Namespace(cluster, "rollout")
    lab.create()
    lab.install("exchange.barsPerSecond=4", "bot.enabled=false")
    lab.rolled_out("tradinglab-operator")
    lab.rolled_out("tradinglab-exchange")
    yield lab
    cluster.kubectl("delete", "namespace", lab.name, "--timeout=90s")


def served(lab, other_than=None):
    """The digest once an artifact is trained and completely rolled out."""

    def look():
        told = lab.model().get("status", {}).get("conditions", [])
        conditions = {each["type"]: each["status"] for each in told}
        digest = lab.served_digest()
        complete = conditions.get("Ready") == conditions.get("RolledOut") == "True"
        return digest if complete and digest and digest != other_than else None

    return wait_for(f"an artifact other than {other_than} served", 600, look)


def test_no_request_fails_while_a_new_digest_rolls_out(lab):
    lab.apply(MANIFEST)
    first = served(lab)
    wait_for("the API's answer", 30, lambda: lab.service("tradinglab-api", "/v1/model"))
    model = lab.service("tradinglab-api", "/v1/model")
    spec = lab.get("service", "tradinglab-api")["spec"]
    url = f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"
    length = timeframe_milliseconds(model["timeframe"])
    bars = synthetic_bars(model["lookback_bars"] + 100)
    snapshots = compute_snapshots(bars).to_numpy()[-model["lookback_bars"] :]
    with Load(url, length, snapshots) as load:
        wait_for("forecasts", 30, lambda: len(load.digests) > 2 * PER_SECOND)
        patch = '{"spec": {"retryToken": "under-load"}}'
        lab.kubectl("patch", "tradingmodel", "demo", "--type=merge", "-p", patch)
        second = served(lab, other_than=first)
        begun = len(load.digests)
        wait_for("more forecasts", 60, lambda: len(load.digests) > begun + 10 * PER_SECOND)
    answered, refused = len(load.digests), load.failures
    p99 = statistics.quantiles(load.seconds, n=100)[98]
    say(f"{answered} forecasts, {len(refused)} failures, p99 {p99 * 1000:.0f} ms: {refused[:3]}")
    assert refused == []
    assert set(load.digests) == {first, second}
    assert load.digests[-1] == second
