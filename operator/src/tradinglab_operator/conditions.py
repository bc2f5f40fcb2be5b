"""The plan's step for the six conditions: what people and tools are told.

Called by the plan after every other step. A condition's time moves only with its status.
"""

from tradinglab.resource.status import (
    Condition,
    ConditionStatus,
    ConditionType,
    RunOutcome,
)
from tradinglab_operator.draft import Draft
from tradinglab_operator.drift import drift_hold
from tradinglab_operator.failures import reason_word
from tradinglab_operator.firings import missed_in_words

Told = tuple[bool, str, str]


def conclude(draft: Draft, schedule_problem: str) -> None:
    """Sets every condition, and an event for each change of Ready and Degraded."""
    _collect_problems(draft)
    told = {
        ConditionType.READY: _ready(draft),
        ConditionType.SCHEDULED: _scheduled(draft, schedule_problem),
        ConditionType.TRAINING: _training(draft),
        ConditionType.ARTIFACT_VALID: _artifact_valid(draft),
        ConditionType.ROLLED_OUT: _rolled_out(draft),
        ConditionType.DEGRADED: _degraded(draft),
    }
    set_conditions(draft, told)


def set_conditions(draft: Draft, told: dict[ConditionType, Told]) -> None:
    conditions = []
    for kind, (holds, said, message) in told.items():
        reason = reason_word(said) or "Unknown"  # the last door before the API server's pattern
        before = draft.model.status.condition(kind)
        status = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
        changed = before is None or before.status is not status
        conditions.append(
            Condition(
                type=kind,
                status=status,
                reason=reason,
                message=message,
                last_transition_time=(
                    draft.now if before is None or changed else before.last_transition_time
                ),
                observed_generation=draft.model.generation,
            )
        )
        _announce(draft, kind, before, (holds, reason, message))
    draft.set(conditions=tuple(conditions), observed_generation=draft.model.generation)


def only_degraded(draft: Draft, reason: str, message: str) -> None:
    """Leaves all as it was told last but Degraded: nothing else is known now."""
    before = draft.model.status.condition(ConditionType.DEGRADED)
    lasting = before if before and before.status is ConditionStatus.TRUE else None
    _announce(draft, ConditionType.DEGRADED, before, (True, reason, message))

    def told(kind: ConditionType) -> Condition:
        holds = kind is ConditionType.DEGRADED
        return Condition(
            type=kind,
            status=ConditionStatus.TRUE if holds else ConditionStatus.UNKNOWN,
            reason=reason,
            message=message,
            last_transition_time=(lasting.last_transition_time if holds and lasting else draft.now),
            observed_generation=draft.model.generation,
        )

    draft.set(
        conditions=tuple(
            told(kind)
            if kind is ConditionType.DEGRADED
            else draft.model.status.condition(kind) or told(kind)
            for kind in ConditionType
        )
    )


def _announce(draft: Draft, kind: ConditionType, before: Condition | None, told: Told) -> None:
    """Other conditions change with a transition that has its own event."""
    holds, reason, message = told
    was = before is not None and before.status is ConditionStatus.TRUE
    if kind is ConditionType.READY and holds != was:
        draft.event("Ready" if holds else "NotReady", message, warning=not holds)
    if kind is ConditionType.DEGRADED and (
        (holds and (not was or before is None or before.reason != reason)) or (was and not holds)
    ):
        draft.event(reason if holds else "Recovered", message, warning=holds)


def _collect_problems(draft: Draft) -> None:
    situation, status = draft.situation, draft.status
    if situation.trouble:
        draft.problems.append((situation.trouble.reason, situation.trouble.message))
    if situation.volume_problem:
        draft.problems.append(("VolumeUnavailable", situation.volume_problem))
    if situation.deployment_taken_by:
        message = (
            f"serving.deployment {draft.spec.serving.deployment} is served by TradingModel "
            f"{situation.deployment_taken_by}; name another"
        )
        draft.problems.append(("DeploymentTaken", message))
    if status.consecutive_failures and status.last_run:
        run = status.last_run
        message = (
            f"training {run.name} failed ({status.consecutive_failures} in a row): "
            f"{run.message or run.reason}"
        )
        draft.problems.append((run.reason or "TrainingFailed", message))
    for refused in situation.refused:
        draft.problems.append(("ArtifactRefused", refused.reason))


def _ready(draft: Draft) -> Told:
    status, serving = draft.status, draft.situation.serving
    if draft.situation.deployment_taken_by:
        return False, "DeploymentTaken", draft.problems[0][1]
    if status.current is None:
        if status.active_job:
            return (
                False,
                "Training",
                f"the first artifact is being trained by {status.active_job.name}",
            )
        if status.candidate and status.rollout:
            return False, "RollingOut", f"artifact {status.candidate.version} rolls out"
        return False, "NoArtifact", "there is no artifact to serve yet"
    if serving is None:
        return (
            False,
            "DeploymentMissing",
            f"Deployment {draft.spec.serving.deployment} does not exist",
        )
    if serving.available:
        return True, "Serving", f"artifact {status.current.version} is served"
    return False, "PodsNotReady", serving.message or "no API pod is ready"


def _scheduled(draft: Draft, problem: str) -> Told:
    if problem:
        return False, "InvalidSchedule", problem
    missed = missed_in_words(draft)
    if draft.spec.schedule.suspend:
        return (
            False,
            "Suspended",
            "; ".join(filter(None, ("spec.schedule.suspend is true", missed))),
        )
    schedule = draft.spec.schedule
    plain = f"trains at {schedule.cron!r} in {schedule.time_zone}"
    return True, "FiringMissed" if missed else "Waiting", "; ".join(filter(None, (plain, missed)))


def _training(draft: Draft) -> Told:
    status = draft.status
    if status.active_job:
        return True, "JobRunning", f"training {status.active_job.name} runs"
    if draft.queued_behind:
        return False, "Queued", f"waits for the training of {draft.queued_behind}"
    run, hold = status.last_run, drift_hold(draft)
    if hold and status.drift:
        return False, "DriftWaits", f"drift asks for a training ({status.drift.reason}); {hold}"
    if run is None:
        return False, "NoneYet", "no training has ended yet"
    if run.outcome is RunOutcome.SUCCEEDED:
        return False, "Succeeded", f"training {run.name} ended well"
    again = status.next_attempt_time
    return (
        False,
        "BackingOff",
        f"training {run.name} failed: {run.message or run.reason}"
        + (f"; tried again at {again:%Y-%m-%d %H:%M:%S} UTC" if again else ""),
    )


def _artifact_valid(draft: Draft) -> Told:
    if draft.situation.volume_problem:
        return False, "VolumeUnavailable", draft.situation.volume_problem
    current = draft.status.current
    if current is None:
        if draft.situation.artifacts:
            return False, "NotAccepted", _why_not_accepted(draft)
        return False, "NoArtifact", "no valid artifact is on the volume"
    if draft.artifact(current.digest) is None:
        return False, "ServedArtifactMissing", f"artifact {current.version} is gone or damaged"
    return True, "Verified", f"every file of {current.version} has the hash its manifest names"


def _why_not_accepted(draft: Draft) -> str:
    if draft.status.candidate:
        return f"artifact {draft.status.candidate.version} is not in service yet"
    rejected = draft.status.rejected
    return rejected[-1].reason if rejected else "no artifact was accepted yet"


def _rolled_out(draft: Draft) -> Told:
    status, serving = draft.status, draft.situation.serving
    if draft.situation.deployment_taken_by:
        return False, "DeploymentTaken", "another TradingModel serves from this Deployment"
    if serving is None:
        name = draft.spec.serving.deployment
        return False, "DeploymentMissing", f"Deployment {name} does not exist"
    if status.rollout:
        version = status.candidate.version if status.candidate else status.rollout.digest
        return False, "InProgress", f"artifact {version} rolls out"
    if status.current is None:
        return False, "NothingToServe", "no artifact was accepted yet"
    if serving.replicas == 0:
        return False, "ScaledToZero", "the Deployment asks for no pods"
    if serving.digest != status.current.digest or not serving.complete:
        return False, "InProgress", f"artifact {status.current.version} rolls out"
    if status.pin:
        message = f"a person went back to {status.current.version}; it stays until a newer"
        return True, "PinnedByRollback", f"{message} artifact is trained and accepted"
    if draft.spec.serving.pinned_digest == status.current.digest:
        return True, "PinnedBySpec", f"spec.serving.pinnedDigest is {status.current.version}"
    if status.candidate:
        return True, "CandidateHeld", f"artifact {status.candidate.version} waits for a person"
    return True, "Complete", f"every API pod serves {status.current.version}"


def _degraded(draft: Draft) -> Told:
    if not draft.problems:
        return False, "AsExpected", "nothing is wrong"
    messages = list(dict.fromkeys(message for _, message in draft.problems if message))
    return True, draft.problems[0][0], "; ".join(messages)[:1000]
