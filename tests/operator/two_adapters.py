"""One language for both adapters: what a person, a trainer and an API do, in a cluster or here.

Used by the suite that both must pass. The cluster is a fake API server with real HTTP; here, every
training and API is a real child process of the local adapter.
"""

import io
import json
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.operator.cluster_story import Story, tradingmodel
from tests.operator.fake_api import FakeApi

from tradinglab.artifact.manifest import Comparison
from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import TradingModelStatus
from tradinglab_operator.local.child import end_all
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.jobs import LocalJobs
from tradinglab_operator.local.serving import LocalServing
from tradinglab_operator.local.story import Story as Lines
from tradinglab_operator.local_processes import LocalProcesses
from tradinglab_operator.manifest_file import NamedSpec
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.situation import RunPhase
from tradinglab_operator.volume import Volume

ROOT = Path(__file__).parents[2]


class Driver(ABC):
    """`now` is the operator's clock."""

    @abstractmethod
    def apply(self, **spec: Any) -> None:
        """`kubectl apply`, or another start with another file."""

    @abstractmethod
    def visit(self) -> int: ...

    @abstractmethod
    def status(self) -> TradingModelStatus: ...

    @abstractmethod
    def jobs(self) -> dict[str, bool]:
        """Every training by name, and whether it runs."""

    @abstractmethod
    def train(self, comparison: Comparison = Comparison.BETTER) -> None:
        """The training that runs stores its artifact and ends."""

    @abstractmethod
    def fail(self, reason: str, message: str) -> None: ...

    @abstractmethod
    def served(self) -> str | None:
        """The digest that is asked for."""

    @abstractmethod
    def become_ready(self) -> None:
        """The API with the digest that is asked for answers."""

    @abstractmethod
    def pass_time(self, **delta: float) -> None: ...

    @abstractmethod
    def restart(self) -> None:
        """The operator's process ends and another begins."""

    @abstractmethod
    def close(self) -> None: ...

    def until(self, done: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while True:
            acted = self.visit()
            if done() and not acted:
                return
            assert time.monotonic() < deadline, (self.status(), self.jobs())
            if not acted:
                time.sleep(0.02)

    def rest(self, visits: int = 5) -> None:
        quiet = 0
        while quiet < visits:
            quiet = 0 if self.visit() else quiet + 1

    def running(self) -> list[str]:
        return [name for name, runs in self.jobs().items() if runs]

    def condition(self, kind: str) -> tuple[bool, str]:
        found = next((each for each in self.status().conditions if each.type == kind), None)
        return (found.status == "True", found.reason) if found else (False, "")

    def serve_first(self, **spec: Any) -> str:
        self.apply(**spec)
        self.until(lambda: len(self.running()) == 1)
        return self.train_and_serve()

    def train_and_serve(self) -> str:
        before = self.served()
        self.train()
        self.until(lambda: self.served() not in (None, before))
        self.become_ready()
        self.until(lambda: self.condition("RolledOut")[0] and not self.running())
        return str(self.served())


class InCluster(Driver):
    def __init__(self, directory: Path) -> None:
        self.server = FakeApi()
        self.server.__enter__()
        self.story = Story(self.server, directory)
        self.server.add_deployment()

    def apply(self, **spec: Any) -> None:
        self.server.put("tradingmodels", tradingmodel(**spec))

    def visit(self) -> int:
        return self.story.reconciler.visit()

    def status(self) -> TradingModelStatus:
        return TradingModelStatus.model_validate(self.story.status())

    def jobs(self) -> dict[str, bool]:
        active = self.story.active_jobs()
        return {name: name in active for name in self.server.names("jobs")}

    def train(self, comparison: Comparison = Comparison.BETTER) -> None:
        self.story.end_job(self.running()[0], comparison=comparison)

    def fail(self, reason: str, message: str) -> None:
        (job,) = self.running()
        words = json.dumps({"reason": reason, "message": message})
        ended = {"name": "trainer", "state": {"terminated": {"exitCode": 1, "message": words}}}
        labels = {"tradinglab.dev/model": "btc", "batch.kubernetes.io/job-name": job}
        status = {"containerStatuses": [ended]}
        self.server.put(
            "pods", {"metadata": {"name": f"{job}-pod", "labels": labels}, "status": status}
        )
        self.story.fail_job(job)

    def served(self) -> str | None:
        return self.server.served()

    def become_ready(self) -> None:
        self.server.roll()

    def pass_time(self, **delta: float) -> None:
        self.story.pass_time(**delta)

    def restart(self) -> None:
        self.story.restart()

    def close(self) -> None:
        self.server.__exit__()


class Here(Driver):
    """The programs that the local adapter starts are found first on this path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "data"
        self.shift = timedelta()
        self.spec: TradingModelSpec | None = None
        os.environ["PYTHONPATH"] = os.pathsep.join(
            (str(ROOT / "tests" / "operator" / "stand_ins"), str(ROOT))
        )

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def apply(self, **spec: Any) -> None:
        if self.spec is not None:
            self._stop()
        self.spec = TradingModelSpec.model_validate(tradingmodel(**spec)["spec"])
        self._start()

    def _start(self) -> None:
        assert self.spec is not None
        manifest = NamedSpec("lab", "btc", self.spec)
        home = Home.claim(self.directory)
        home.apply(manifest)
        for each in (home.volume, home.jobs):
            each.mkdir(parents=True, exist_ok=True)
        lines, volume = Lines(io.StringIO()), Volume(home.volume)
        listener = socket.create_server(("127.0.0.1", 0))
        jobs = LocalJobs(home, volume, lines, "http://127.0.0.1:9")
        jobs.load()
        serving = LocalServing(home, "lab/btc", lines, listener)
        self.cluster = LocalProcesses(home, manifest, volume, jobs, serving)
        self.reconciler = Reconciler(self.cluster, clock=lambda: self.now)

    def _stop(self) -> None:
        end_all([*self.cluster.jobs.children(), *self.cluster.serving.children()])
        self.cluster.serving.close()
        self.cluster.home.release()

    def visit(self) -> int:
        done = self.reconciler.visit()
        self.cluster.jobs.step(self.cluster.model())
        self.cluster.serving.step()
        return done

    def status(self) -> TradingModelStatus:
        return self.cluster.model().status

    def jobs(self) -> dict[str, bool]:
        return {run.name: run.phase is RunPhase.ACTIVE for run in self.cluster.jobs.runs("lab/btc")}

    def _order(self, **order: str) -> None:
        partial = self.cluster.home.volume / ".orders"
        partial.write_text(json.dumps(order))
        partial.replace(self.cluster.home.volume / "orders.json")

    def train(self, comparison: Comparison = Comparison.BETTER) -> None:
        self._order(trained_at=self.now.isoformat(), comparison=comparison.value)

    def fail(self, reason: str, message: str) -> None:
        self._order(reason=reason, message=message)

    def served(self) -> str | None:
        return self.cluster.serving.serving().digest

    def become_ready(self) -> None:
        with (self.cluster.home.volume / "ready").open("a") as file:
            file.write(f"{self.served()}\n")

    def pass_time(self, **delta: float) -> None:
        self.shift += timedelta(**delta)

    def restart(self) -> None:
        self._stop()
        self._start()

    def close(self) -> None:
        if self.spec is not None:
            self._stop()
