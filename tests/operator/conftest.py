"""A world in memory behind the cluster port, and a story over a fake API server."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.operator.cluster_story import Story
from tests.operator.fake_api import FakeApi

from tradinglab.artifact.manifest import Comparison
from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import ConditionType, TradingModelStatus
from tradinglab_operator.actions import (
    Action,
    RecordEvent,
    RemoveArtifact,
    RemoveTraining,
    ServeDigest,
    StartTraining,
    StopTraining,
    WriteStatus,
)
from tradinglab_operator.cluster import ClusterTrouble
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.situation import (
    ArtifactFacts,
    HistoryLimits,
    Model,
    Refused,
    Run,
    RunPhase,
    Serving,
    Situation,
)

START = datetime(2024, 1, 3, 12, 0, tzinfo=UTC)  # a Wednesday


def digest_of(letter: str) -> str:
    return "sha256:" + letter * 64


def default_spec() -> TradingModelSpec:
    return TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}})


class Crash(BaseException):
    """The operator was killed here."""


@dataclass
class World:
    """Holds one model. `roll()` makes the Deployment's pods ready; nothing is ready before."""

    name: str = "btc"
    spec: TradingModelSpec = field(default_factory=default_spec)
    now: datetime = START
    generation: int = 1
    status: TradingModelStatus = field(default_factory=TradingModelStatus)
    artifacts: list[ArtifactFacts] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)
    digest: str | None = None
    history: list[str] = field(default_factory=list)
    ready: bool = False
    replicas: int = 1
    deployment_exists: bool = True
    volume_problem: str = ""
    trouble_with: type | None = None
    training_request: str = ""
    events: list[str] = field(default_factory=list)
    champions: list[str] = field(default_factory=list)
    status_writes: int = 0
    crash_after: int | None = None
    applied: int = 0
    history_limits: HistoryLimits | None = None

    def __post_init__(self) -> None:
        self.reconciler = Reconciler(self, clock=lambda: self.now)

    # --- the port

    def observe(self) -> list[Situation]:
        serving = Serving(
            digest=self.digest,
            complete=self.ready,
            replicas=self.replicas,
            available=self.ready or len(self.history) > 1,
            revision_digests=frozenset(self.history[-2:]),
            message="" if self.ready else "0 of 1 pods are ready",
        )
        return [
            Situation(
                model=Model(
                    "lab",
                    self.name,
                    "0123abcd-ef",
                    self.generation,
                    START,
                    self.spec,
                    self.status,
                    training_request=self.training_request,
                ),
                artifacts=tuple(self.artifacts) if not self.volume_problem else (),
                refused=tuple(self.refused),
                runs=tuple(self.runs.values()),
                leaving=frozenset(self.leaving),
                serving=serving if self.deployment_exists else None,
                volume_problem=self.volume_problem,
                history=self.history_limits,
            )
        ]

    def apply(self, model: Model, action: Action) -> None:
        if self.crash_after is not None and self.applied >= self.crash_after:
            raise Crash
        self.applied += 1
        if self.trouble_with is not None and isinstance(action, self.trouble_with):
            raise ClusterTrouble("Forbidden", "the API server refused it")
        match action:
            case WriteStatus(status):
                self.status = TradingModelStatus.model_validate(
                    status.model_dump(mode="json", by_alias=True, exclude_none=True)
                )
                self.status_writes += 1
            case RecordEvent(reason):
                self.events.append(reason)
            case StartTraining(name, _, champion):
                if name in self.leaving:
                    raise ClusterTrouble("JobTerminating", f"Job {name} is being deleted")
                if name not in self.runs:
                    self.runs[name] = Run(name, RunPhase.ACTIVE, self.now)
                    self.champions.append(champion)
            case StopTraining(name) | RemoveTraining(name):
                self.runs.pop(name)
            case ServeDigest(digest):
                self.serve(digest)
            case RemoveArtifact(version):
                self.artifacts = [each for each in self.artifacts if each.version != version]

    # --- what happens outside the operator

    def serve(self, digest: str) -> None:
        if digest != self.digest:
            self.history.append(digest)
            self.ready = False
        self.digest = digest

    def settle(self, visits: int = 6) -> None:
        """Visits until nothing is left to do; a plan that never rests fails here."""
        for _ in range(visits):
            if self.reconciler.visit() == 0:
                return
        raise AssertionError(f"still busy after {visits} visits: {self.events[-5:]}")

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def end_run(self, letter: str | None = None, **failure: str) -> Run:
        """Ends the active run: with an artifact named after `letter`, or with a failure."""
        run = next(run for run in self.runs.values() if run.phase is RunPhase.ACTIVE)
        self.now += timedelta(minutes=2)
        phase = RunPhase.FAILED if failure else RunPhase.SUCCEEDED
        self.runs[run.name] = replace(run, phase=phase, finished_at=self.now, **failure)
        if letter:
            self.add_artifact(letter, job=run.name)
        return run

    def add_artifact(
        self,
        letter: str,
        *,
        job: str = "by-hand",
        servable: bool = True,
        comparison: Comparison = Comparison.BETTER,
    ) -> ArtifactFacts:
        facts = ArtifactFacts(
            f"v-{letter}", digest_of(letter), self.now, job, servable, comparison, "Unproven"
        )
        self.artifacts.append(facts)
        return facts

    def roll(self) -> None:
        self.ready = True
        self.settle()

    def change(self, **changes: object) -> None:
        """`kubectl apply` of the spec with other top-level fields."""
        document = self.spec.model_dump(mode="json", by_alias=True)
        for name, value in changes.items():
            document[name] = {**document[name], **value} if isinstance(value, dict) else value
        self.spec = TradingModelSpec.model_validate(document)
        self.generation += 1

    def serving_first(self) -> "World":
        """Trained once and in service."""
        self.settle()
        self.end_run("a")
        self.settle()
        self.roll()
        return self

    @property
    def active(self) -> list[str]:
        return [run.name for run in self.runs.values() if run.phase is RunPhase.ACTIVE]

    def condition(self, name: str) -> tuple[str, str]:
        found = self.status.condition(ConditionType(name))
        return (found.status.value, found.reason) if found else ("", "")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def new_world() -> type[World]:
    return World


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """The Kubernetes adapter over a fake API server and a real volume."""
    with FakeApi() as api:
        yield Story(api, tmp_path)
