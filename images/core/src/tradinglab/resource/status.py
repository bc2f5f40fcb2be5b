"""What the operator tells: the status of a TradingModel.

Written by the operator alone and only when it changed; read by people through kubectl and by the
operator itself, which keeps in it everything it must remember between two visits.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_REJECTED = 10
MAX_ARTIFACTS = 10


class StatusModel(BaseModel):
    """Unknown fields are dropped: a status that a newer operator wrote must not stop this one."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class ConditionType(StrEnum):
    """All six are present from the first visit on."""

    READY = "Ready"
    SCHEDULED = "Scheduled"
    TRAINING = "Training"
    ARTIFACT_VALID = "ArtifactValid"
    ROLLED_OUT = "RolledOut"
    DEGRADED = "Degraded"


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(StatusModel):
    """One Kubernetes condition."""

    type: Annotated[ConditionType, Field(description="What is asserted.")]
    status: Annotated[ConditionStatus, Field(description="Whether it holds.")]
    reason: Annotated[
        str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$", description="Why, in one CamelCase word.")
    ]
    message: Annotated[str, Field(description="Why, in a sentence.")] = ""
    last_transition_time: Annotated[datetime, Field(description="When the status last changed.")]
    observed_generation: Annotated[
        int, Field(ge=0, description="The generation of the spec it was judged on.")
    ] = 0


class ActiveJob(StatusModel):
    """The training that runs now."""

    name: Annotated[str, Field(description="The Job's name.")]
    created_at: Annotated[
        datetime | None, Field(description="When its Job was created, by the cluster's clock.")
    ] = None
    stage: Annotated[str, Field(description="What it is doing.")] = ""
    percent: Annotated[int, Field(ge=0, le=100, description="How far it is.")] = 0
    detail: Annotated[str, Field(description="The stage in detail: fold, epoch, loss.")] = ""
    progress: Annotated[str, Field(description="Stage and percentage, for the printer.")] = ""
    estimated_end: Annotated[
        datetime | None, Field(description="When it will end at the pace of its present stage.")
    ] = None


class RunOutcome(StrEnum):
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class FinishedRun(StatusModel):
    """The training that ended last."""

    name: Annotated[str, Field(description="The Job's name.")]
    outcome: Annotated[RunOutcome, Field(description="How it ended.")]
    reason: Annotated[str, Field(description="Why, in one CamelCase word.")] = ""
    message: Annotated[str, Field(description="Why, in a sentence.")] = ""
    finished_at: Annotated[datetime, Field(description="When it ended.")]
    created_at: Annotated[
        datetime | None, Field(description="When its Job was created, by the cluster's clock.")
    ] = None


class ArtifactStatus(StatusModel):
    """One trained version, as far as a person wants to see it at a glance."""

    version: Annotated[str, Field(description="Its directory under runs.")]
    digest: Annotated[str, Field(description="The SHA-256 of its manifest.")]
    trained_at: Annotated[datetime, Field(description="When its training ended.")]
    verdict: Annotated[str, Field(description="Tradeable, Unproven or NoSkill.")] = ""
    verdict_reason: Annotated[str, Field(description="The verdict in words.")] = ""
    comparison: Annotated[str, Field(description="Against the artifact it challenged.")] = ""
    metrics: Annotated[dict[str, float], Field(description="Its most telling figures.")] = {}


class ArtifactState(StrEnum):
    """What an artifact of the volume is to the model."""

    SERVED = "Served"
    PREVIOUS = "Previous"
    CANDIDATE = "Candidate"
    REJECTED = "Rejected"
    STORED = "Stored"


class KnownArtifact(ArtifactStatus):
    """One artifact of the volume with what became of it."""

    state: Annotated[ArtifactState, Field(description="What it is to this model now.")]
    reason: Annotated[str, Field(description="Why it is not served, if it was rejected.")] = ""


class MissedFiring(StatusModel):
    """Firings of the schedule that no training answered."""

    firing: Annotated[datetime, Field(description="The last of them.")]
    count: Annotated[int, Field(ge=1, description="How many, up to a hundred.")] = 1
    reason: Annotated[str, Field(description="Why, in a sentence.")]


class Rejection(StatusModel):
    """An artifact that is not served, and why."""

    digest: Annotated[str, Field(description="The artifact's digest.")]
    reason: Annotated[str, Field(description="Why it is not served.")]
    rollout_failed: Annotated[
        bool, Field(description="It was tried and its pods did not become ready.")
    ] = False
    undone: Annotated[bool, Field(description="A person undid its rollout.")] = False
    generation: Annotated[
        int, Field(ge=0, description="The generation of the spec that it was refused under.")
    ] = 0

    @property
    def barred(self) -> bool:
        """It was tried and must not be again unless asked; what the gate alone refused is judged
        anew each time."""
        return self.rollout_failed or self.undone


class Rollout(StatusModel):
    """A change of the served artifact that is under way."""

    digest: Annotated[str, Field(description="The artifact that is to be served.")]
    started_at: Annotated[datetime, Field(description="When it was decided.")]
    applied: Annotated[
        bool, Field(description="The Deployment was seen to ask for this digest.")
    ] = False


class Pin(StatusModel):
    """A choice that a person made with `kubectl rollout undo`."""

    digest: Annotated[str, Field(description="The artifact that the person chose.")]
    since: Annotated[datetime, Field(description="When that was noticed.")]


class DriftReport(StatusModel):
    """What the bot reported of the artifact in service."""

    digest: Annotated[str, Field(description="The artifact that has drifted.")]
    reason: Annotated[str, Field(description="Why, in words.")]
    answered: Annotated[bool, Field(description="A training has run since, or runs.")] = False


class TradingModelStatus(StatusModel):
    """The state of the model as the operator last saw it."""

    conditions: Annotated[
        tuple[Condition, ...], Field(description="Ready, Scheduled, Training and so on.")
    ] = ()
    observed_generation: Annotated[
        int | None, Field(description="The generation of the spec that was acted on.")
    ] = None
    last_schedule_time: Annotated[
        datetime | None, Field(description="The last firing of the schedule that was run.")
    ] = None
    next_schedule_time: Annotated[
        datetime | None, Field(description="The next firing of the schedule.")
    ] = None
    missed: Annotated[
        MissedFiring | None, Field(description="What the schedule missed since its last run.")
    ] = None
    firings_seen_until: Annotated[
        datetime | None,
        Field(description="Firings up to then were run, told as missed, or of another schedule."),
    ] = None
    last_successful_time: Annotated[
        datetime | None, Field(description="When a training last ended well.")
    ] = None
    consecutive_failures: Annotated[
        int, Field(ge=0, description="Trainings that failed since the last good one.")
    ] = 0
    next_attempt_time: Annotated[
        datetime | None, Field(description="When a failed training is tried again.")
    ] = None
    active_job: Annotated[ActiveJob | None, Field(description="The training that runs now.")] = None
    last_run: Annotated[FinishedRun | None, Field(description="The training that ended last.")] = (
        None
    )
    current: Annotated[ArtifactStatus | None, Field(description="The artifact in service.")] = None
    candidate: Annotated[
        ArtifactStatus | None, Field(description="The artifact that rolls out or waits.")
    ] = None
    previous: Annotated[
        ArtifactStatus | None, Field(description="The artifact that served before.")
    ] = None
    rollout: Annotated[Rollout | None, Field(description="A rollout under way.")] = None
    pin: Annotated[Pin | None, Field(description="An artifact that a person went back to.")] = None
    rejected: Annotated[
        tuple[Rejection, ...],
        Field(max_length=MAX_REJECTED, description="Artifacts that are not served, newest last."),
    ] = ()
    artifacts: Annotated[
        tuple[KnownArtifact, ...],
        Field(max_length=MAX_ARTIFACTS, description="What the volume holds, newest first."),
    ] = ()
    retry_token: Annotated[
        str | None, Field(description="The retryToken that was last acted on.")
    ] = None
    drift: Annotated[
        DriftReport | None, Field(description="A reported drift of the artifact in service.")
    ] = None

    def condition(self, of_type: ConditionType) -> Condition | None:
        return next((each for each in self.conditions if each.type is of_type), None)
