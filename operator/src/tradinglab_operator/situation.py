"""What the plan is told: one TradingModel, what lies on its volume, what runs and what is served.

Made by the two adapters of the cluster port; read by the plan and nothing else.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from tradinglab.artifact.manifest import Comparison
from tradinglab.artifact.store import Artifact
from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import ArtifactStatus, TradingModelStatus

SHOWN_METRICS = (
    "effective_observations",
    "log_loss",
    "log_loss_prior",
    "direction_gain",
    "direction_gain_low",
    "direction_accuracy",
    "ece",
    "qlike",
    "qlike_ewma",
    "trades",
    "net_return",
    "buy_and_hold",
)


@dataclass(frozen=True)
class Model:
    """The resource itself. `spec` is None when it cannot be understood; `problem` says why.
    `training_request` is the text of the annotation, as somebody wrote it."""

    namespace: str
    name: str
    uid: str
    generation: int
    created_at: datetime
    spec: TradingModelSpec | None
    status: TradingModelStatus = field(default_factory=TradingModelStatus)
    problem: str = ""
    training_request: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


class RunPhase(StrEnum):
    ACTIVE = "Active"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True)
class Run:
    """One training, running or ended. `reason` and `message` say why it failed."""

    name: str
    phase: RunPhase
    created_at: datetime
    finished_at: datetime | None = None
    reason: str = ""
    message: str = ""
    stage: str = ""
    percent: float = 0.0
    detail: str = ""
    estimated_end: datetime | None = None


@dataclass(frozen=True)
class ArtifactFacts:
    """A valid artifact of the volume, as far as the plan needs it."""

    version: str
    digest: str
    trained_at: datetime
    job: str
    servable: bool
    comparison: Comparison
    verdict: str = ""
    verdict_reason: str = ""
    metrics: tuple[tuple[str, float], ...] = ()
    refusal: str = ""

    @classmethod
    def of(cls, artifact: Artifact) -> "ArtifactFacts":
        """Raises ValueError when the manifest's instant is none."""
        manifest = artifact.manifest
        trained_at = datetime.fromisoformat(manifest.trained_at)
        failed = [check for check in manifest.gate.checks if not check.passed]
        return cls(
            version=artifact.version,
            digest=artifact.digest,
            trained_at=trained_at if trained_at.tzinfo else trained_at.replace(tzinfo=UTC),
            job=manifest.job,
            servable=manifest.gate.servable,
            comparison=manifest.gate.comparison,
            verdict=manifest.gate.verdict.value,
            verdict_reason=manifest.gate.verdict_reason,
            metrics=tuple(
                (name, float(f"{manifest.metrics[name]:.6g}"))
                for name in SHOWN_METRICS
                if math.isfinite(manifest.metrics.get(name, math.nan))
            ),
            refusal="; ".join(
                f"{check.name} is {check.value:g}, expected {check.rule} {check.limit:g}"
                for check in failed
                if check.decides == "servable"
            ),
        )

    def status(self) -> ArtifactStatus:
        return ArtifactStatus(
            version=self.version,
            digest=self.digest,
            trained_at=self.trained_at,
            verdict=self.verdict,
            verdict_reason=self.verdict_reason,
            comparison=self.comparison.value,
            metrics=dict(self.metrics),
        )


@dataclass(frozen=True)
class Refused:
    """Something under `runs` that is no valid artifact."""

    version: str
    reason: str


@dataclass(frozen=True)
class Serving:
    """The Deployment that serves the model.

    `digest` is what its pod template asks for; `complete` says that every pod runs this template
    and is ready; `revision_digests` are all that its history still names.
    """

    digest: str | None
    complete: bool
    replicas: int = 1
    available: bool = False
    revision_digests: frozenset[str] = frozenset()
    message: str = ""


@dataclass(frozen=True)
class HistoryLimits:
    """How many trainings that ended are kept to be looked at, as with a CronJob."""

    successful: int = 3
    failed: int = 3


@dataclass(frozen=True)
class Trouble:
    """What went wrong when the last plan was carried out."""

    reason: str
    message: str


@dataclass(frozen=True)
class Situation:
    """Everything that one decision rests on, but for the time.

    `leaving` names trainings that are being deleted: their names are taken and their causes acted
    on, but they count no more. `unreadable` is why the rest could not be made out; then only
    `model` means something. `history` is None where trainings leave nothing to clear away.
    """

    model: Model
    artifacts: tuple[ArtifactFacts, ...] = ()
    refused: tuple[Refused, ...] = ()
    runs: tuple[Run, ...] = ()
    leaving: frozenset[str] = frozenset()
    serving: Serving | None = None
    volume_problem: str = ""
    trouble: Trouble | None = None
    training_elsewhere: str = ""
    deployment_taken_by: str = ""
    unreadable: Exception | None = None
    history: HistoryLimits | None = None
