"""Trainings as child processes: what Jobs are to a cluster.

Used by the local adapter. Each has a record on disk under its name, so that the same cause is
never run twice, and one that a stop interrupted goes on under the same name.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.failures import Failure, deadline_exceeded, ended_with, told_by_trainer
from tradinglab_operator.local.child import Child
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.story import Story
from tradinglab_operator.situation import Model, Run, RunPhase
from tradinglab_operator.volume import Volume

KEPT_RECORDS = 10
NICENESS = 10


def _instant() -> str:
    return datetime.now(UTC).isoformat()


@dataclass
class LocalJobs:
    """At most one child at a time; it is niced so that serving and trading come first."""

    home: Home
    volume: Volume
    story: Story
    exchange_rest_url: str
    _child: Child | None = None
    _name: str = ""
    _deadline: float = 0.0
    _seconds: int = 0
    _records: dict[str, dict[str, str]] = field(default_factory=dict)

    def load(self) -> None:
        """Reads the records of earlier sessions."""
        for path in sorted(self.home.jobs.glob("*.json")):
            record = self.home.read(f"jobs/{path.name}")
            if record is not None:
                self._records[path.stem] = {key: str(value) for key, value in record.items()}

    def _record(self, name: str, **changes: str) -> None:
        self._records[name] = {**self._records.get(name, {}), **changes}
        self.home.write(f"jobs/{name}.json", self._records[name])

    def start(self, name: str, champion: str) -> None:
        """Starts the training of this name; one that is known already is left alone."""
        if name in self._records:
            return
        self._record(name, phase=RunPhase.ACTIVE.value, created_at=_instant(), champion=champion)
        self._prune()

    def _prune(self) -> None:
        ended = [
            name for name, record in self._records.items() if record["phase"] != RunPhase.ACTIVE
        ]
        ended.sort(key=lambda name: self._records[name]["created_at"])
        for name in ended[:-KEPT_RECORDS]:
            del self._records[name]
            self.home.remove(f"jobs/{name}.json")

    def step(self, model: Model) -> None:
        """Runs what is recorded as active and notes what ended. Called from the main thread."""
        if self._child is not None:
            self._follow(self._child)
        if self._child is None and model.spec is not None:
            for name, record in self._records.items():
                if record["phase"] == RunPhase.ACTIVE:
                    self._spawn(model, model.spec, name, record.get("champion", ""))
                    return

    def _termination_log(self, name: str) -> Path:
        return self.home.jobs / f"{name}.termination"

    def _spawn(self, model: Model, spec: TradingModelSpec, name: str, champion: str) -> None:
        self._termination_log(name).unlink(missing_ok=True)
        self._child = Child(
            "trainer",
            ("-m", "tradinglab_trainer.main", "train"),
            {
                "VOLUME": self.volume.path.resolve(),
                "MODEL": model.key,
                "SPEC": spec.model_dump_json(by_alias=True, exclude_none=True),
                "JOB": name,
                "CHAMPION": champion or None,
                "EXCHANGE_REST_URL": self.exchange_rest_url or None,
                "TERMINATION_LOG": self._termination_log(name).resolve(),
            },
            self.story,
            self.home.logs,
            niceness=NICENESS,
        )
        self._name = name
        self._deadline = time.monotonic() + spec.training.deadline_seconds
        self._seconds = spec.training.deadline_seconds

    def _follow(self, child: Child) -> None:
        status = child.exit_status()
        if status is None:
            if time.monotonic() > self._deadline:
                child.ask_to_end()
                child.end()
                self._ended(deadline_exceeded(self._seconds))
            return
        child.end()
        self._ended(None if status == 0 else self._failure(status, child.last_error))

    def _failure(self, status: int, last_words: str) -> Failure:
        path = self._termination_log(self._name)
        told = told_by_trainer(path.read_text("utf-8", "replace")) if path.exists() else None
        return told or ended_with(status, last_words)

    def _ended(self, failure: Failure | None) -> None:
        self._child = None
        phase = RunPhase.FAILED if failure else RunPhase.SUCCEEDED
        told = {"reason": failure.reason, "message": failure.message} if failure else {}
        self._record(self._name, phase=phase.value, finished_at=_instant(), **told)
        self._termination_log(self._name).unlink(missing_ok=True)

    def stop(self, name: str) -> None:
        if self._child is not None and name == self._name:
            self._child.ask_to_end()
            self._child.end()
            self._ended(Failure("Stopped", "it was stopped"))

    def children(self) -> list[Child]:
        return [self._child] if self._child else []

    def runs(self, model: str) -> tuple[Run, ...]:
        found = []
        for name, record in self._records.items():
            finished = record.get("finished_at")
            progress = self.volume.progress(model, name)
            found.append(
                Run(
                    name=name,
                    phase=RunPhase(record["phase"]),
                    created_at=datetime.fromisoformat(record["created_at"]),
                    finished_at=datetime.fromisoformat(finished) if finished else None,
                    reason=record.get("reason", ""),
                    message=record.get("message", ""),
                    stage=progress.stage,
                    percent=progress.percent,
                    detail=progress.detail,
                    estimated_end=progress.estimated_end,
                )
            )
        return tuple(found)
