"""The status and the actions of one decision while they take shape.

Passed through the steps of the plan; never outlives it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import MAX_REJECTED, Rejection, TradingModelStatus
from tradinglab_operator.actions import Action, RecordEvent
from tradinglab_operator.situation import ArtifactFacts, Model, Run, RunPhase, Situation


@dataclass
class Draft:
    """`problems` are (reason, message) pairs, the gravest first, and become Degraded."""

    situation: Situation
    spec: TradingModelSpec
    now: datetime
    status: TradingModelStatus
    actions: list[Action] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    queued_behind: str = ""

    @property
    def model(self) -> Model:
        return self.situation.model

    @property
    def active_runs(self) -> list[Run]:
        """The oldest first; there should be one at most."""
        active = [run for run in self.situation.runs if run.phase is RunPhase.ACTIVE]
        return sorted(active, key=lambda run: (run.created_at, run.name))

    def artifact(self, digest: str | None) -> ArtifactFacts | None:
        return next((each for each in self.situation.artifacts if each.digest == digest), None)

    def set(self, **changes: object) -> None:
        self.status = self.status.model_copy(update=changes)

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        self.actions.append(RecordEvent(reason, message, warning))

    def is_rejected(self, digest: str) -> bool:
        return any(each.digest == digest for each in self.status.rejected)

    @property
    def barred(self) -> frozenset[str]:
        """The digests that were tried in vain: they must be remembered, not judged again."""
        return frozenset(each.digest for each in self.status.rejected if each.barred)

    def reject(
        self, digest: str, reason: str, *, rollout_failed: bool = False, undone: bool = False
    ) -> None:
        """Remembers a digest. When the list is full, what the gate would refuse again goes first,
        for that needs no memory; of the rest what left the volume, then the oldest."""
        entry = Rejection(
            digest=digest,
            reason=reason,
            rollout_failed=rollout_failed,
            undone=undone,
            generation=self.model.generation,
        )
        kept = [each for each in self.status.rejected if each.digest != digest] + [entry]
        while len(kept) > MAX_REJECTED:
            kept.remove(min(kept, key=self._worth))
        self.set(rejected=tuple(kept))

    def _worth(self, entry: Rejection) -> tuple[bool, bool, float, str]:
        artifact = self.artifact(entry.digest)
        if artifact is None:
            return entry.barred, False, 0.0, entry.digest
        return entry.barred, True, artifact.trained_at.timestamp(), artifact.version

    def forgive(self, digest: str) -> None:
        self.set(rejected=tuple(each for each in self.status.rejected if each.digest != digest))


def draft_of(situation: Situation, spec: TradingModelSpec, now: datetime) -> Draft:
    """A draft that starts from the status as it stands; times have whole seconds."""
    return Draft(situation, spec, now.replace(microsecond=0), situation.model.status)
