"""The plan's step for trainings: whether one is to start now.

Called by the plan. One queue serves scheduled, requested, repeated and drift-triggered trainings:
at most one runs in a release at a time.
"""

from tradinglab.errors import ConfigurationError
from tradinglab_operator.actions import StartTraining
from tradinglab_operator.draft import Draft
from tradinglab_operator.drift import drift_training
from tradinglab_operator.run_names import (
    attempt_name,
    base_of,
    initial_name,
    is_automatic,
    retry_name,
    scheduled_name,
)
from tradinglab_operator.run_record import awaits_artifact
from tradinglab_operator.schedule import Schedule


def decide_training(draft: Draft, schedule: Schedule | None) -> None:
    """Starts a training if one is wanted and nothing stands in its way."""
    situation = draft.situation
    if draft.active_runs or awaits_artifact(draft):
        return
    if situation.volume_problem or situation.deployment_taken_by:
        return
    wanted = _wanted(draft, schedule)
    if wanted is None:
        return
    if situation.training_elsewhere:
        draft.queued_behind = situation.training_elsewhere
        return
    current = draft.status.current
    draft.actions.append(StartTraining(*wanted, champion=current.digest if current else ""))


def _wanted(draft: Draft, schedule: Schedule | None) -> tuple[str, str] | None:
    """Name and cause of the training that is wanted now."""
    model, status, now = draft.model, draft.status, draft.now
    taken = {run.name for run in draft.situation.runs} | draft.situation.leaving
    if status.last_run:
        taken.add(status.last_run.name)
    if status.retry_token != draft.spec.retry_token:
        base = retry_name(model, draft.spec.retry_token)
        return attempt_name(base, taken), f"retryToken is {draft.spec.retry_token!r}"
    firing = schedule.due(status.last_schedule_time or model.created_at, now) if schedule else None
    if firing is not None:
        return scheduled_name(model, firing), f"scheduled for {firing:%Y-%m-%d %H:%M} UTC"
    if status.consecutive_failures and status.last_run:
        base = base_of(status.last_run.name)
        if status.next_attempt_time and now < status.next_attempt_time:
            return None
        if draft.spec.schedule.suspend and is_automatic(model, base):
            return None
        attempt = status.consecutive_failures + 1
        return attempt_name(base, taken, attempt), f"attempt {attempt} after a failure"
    if not draft.situation.artifacts:
        return attempt_name(initial_name(model), taken), "there is no artifact yet"
    return drift_training(draft)


def schedule_of(draft: Draft) -> tuple[Schedule | None, str]:
    """The schedule, or why there is none; sets the next firing."""
    try:
        schedule = Schedule.of(draft.spec.schedule)
    except ConfigurationError as error:
        draft.set(next_schedule_time=None)
        return None, str(error)
    following = None if schedule.suspended else schedule.next_after(draft.now)
    draft.set(next_schedule_time=following)
    return schedule, ""
