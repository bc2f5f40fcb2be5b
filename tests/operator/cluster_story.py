"""The Kubernetes adapter over a fake API server and a real volume, with trainings that end.

Used by the operator's tests: it plays the Job controller, the trainer and the kubelet.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kubernetes import client
from tests.operator.artifacts import store_artifact
from tests.operator.fake_api import FakeApi, stamp

from tradinglab.artifact.manifest import Comparison
from tradinglab.artifact.store import Artifact
from tradinglab_operator.kube.api import KubernetesApi
from tradinglab_operator.kubernetes_cluster import KubernetesCluster
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.volume import Volume

START = datetime(2024, 1, 3, 12, 0, tzinfo=UTC)  # a Wednesday
TEMPLATE: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer:1"}]}}},
}


def tradingmodel(name: str = "btc", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tradinglab.dev/v1alpha1",
        "kind": "TradingModel",
        "metadata": {"name": name},
        "spec": {"market": {"symbol": "BTC/USDT"}, **spec},
    }


def connected(api: FakeApi, volume: Path) -> KubernetesCluster:
    configuration = client.Configuration()
    configuration.host = api.url
    configuration.retries = False
    return KubernetesCluster(
        KubernetesApi(client.ApiClient(configuration), "lab"), Volume(volume), TEMPLATE
    )


@dataclass
class Story:
    """`now` is everybody's clock."""

    api: FakeApi
    volume: Path
    now: datetime = START
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.api.clock = lambda: self.now
        self.restart()

    def restart(self) -> None:
        """A new process: it remembers nothing."""
        self.reconciler = Reconciler(connected(self.api, self.volume), clock=lambda: self.now)

    def settle(self, visits: int = 12) -> None:
        for _ in range(visits):
            if self.reconciler.visit() == 0:
                return
        raise AssertionError(f"still busy after {visits} visits: {self.api.writes[-8:]}")

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def active_jobs(self) -> list[str]:
        return [
            name
            for name in self.api.names("jobs")
            if not (self.api.get("jobs", name).get("status") or {}).get("conditions")
        ]

    def end_job(self, name: str, *, comparison: Comparison = Comparison.BETTER) -> Artifact:
        """The trainer stores its artifact and the Job completes."""
        self.pass_time(minutes=2)
        model = self.api.get("jobs", name)["metadata"]["ownerReferences"][0]["name"]
        stored = store_artifact(self.volume, f"lab/{model}", name, self.now, comparison)
        self._end(name, "Complete", completionTime=stamp(self.now))
        return stored

    def fail_job(self, name: str, reason: str = "BackoffLimitExceeded") -> None:
        self.pass_time(minutes=2)
        self._end(name, "Failed", reason=reason)

    def _end(self, name: str, kind: str, reason: str = "", **status: Any) -> None:
        condition = {
            "type": kind,
            "status": "True",
            "reason": reason,
            "lastTransitionTime": stamp(self.now),
        }
        self.api.set_status("jobs", name, conditions=[condition], **status)

    def status(self, name: str = "btc") -> dict[str, Any]:
        return dict(self.api.get("tradingmodels", name).get("status") or {})

    def condition(self, kind: str, name: str = "btc") -> tuple[str, str]:
        for each in self.status(name).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    def event_reasons(self) -> list[str]:
        return [self.api.get("events", name)["reason"] for name in self.api.names("events")]

    def begin(self, **spec: Any) -> None:
        """A model is applied and its first training starts."""
        self.api.add_deployment()
        self.api.put("tradingmodels", tradingmodel(**spec))
        self.settle()

    def serve_first(self, **spec: Any) -> str:
        """Trained once and in service; returns the digest."""
        self.begin(**spec)
        (job,) = self.active_jobs()
        stored = self.end_job(job)
        self.settle()
        self.api.roll()
        self.settle()
        return stored.digest
