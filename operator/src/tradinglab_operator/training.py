"""The plan's step for trainings: what became of them, and whether one is to start now.

Called by the plan. One queue serves scheduled, requested, repeated and drift-triggered trainings:
at most one runs in a release at a time.
"""

from datetime import datetime, timedelta

from tradinglab.errors import ConfigurationError
from tradinglab.resource.status import ActiveJob, FinishedRun, RunOutcome
from tradinglab_operator.actions import StartTraining, StopTraining
from tradinglab_operator.draft import Draft
from tradinglab_operator.drift import drift_training
from tradinglab_operator.run_names import (
    attempt_name,
    base_of,
    initial_name,
    is_automatic,
    retry_name,
    scheduled_firing,
    scheduled_name,
)
from tradinglab_operator.schedule import Schedule
from tradinglab_operator.situation import Run, RunPhase

FIRST_BACKOFF = timedelta(seconds=60)
LONGEST_BACKOFF = timedelta(hours=6)
# On a network file system a directory may be listed this late.
ARTIFACT_PATIENCE = timedelta(seconds=120)


def backoff(failures: int) -> timedelta:
    """Twice as long after each failure, up to six hours."""
    doublings: int = 2 ** min(failures - 1, 16)
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * doublings)


def note_runs(draft: Draft) -> None:
    """Counts each ended run once and shows the one that runs."""
    if draft.status.observed_generation is None:
        draft.set(retry_token=draft.spec.retry_token)
    elif draft.status.observed_generation != draft.model.generation:
        draft.set(next_attempt_time=None)  # a person changed something: no use in waiting
    _note_causes(draft)
    for run in sorted(draft.situation.runs, key=lambda each: (_ended(each, draft), each.name)):
        if run.phase is not RunPhase.ACTIVE and _is_new(run, draft):
            _note_end(run, draft)
    _note_stored(draft)
    _note_vanished(draft)
    _show_active(draft)


def _ended(run: Run, draft: Draft) -> datetime:
    return run.finished_at or draft.now


def _is_new(run: Run, draft: Draft) -> bool:
    last, active = draft.status.last_run, draft.status.active_job
    if last is not None and last.name == run.name and last.outcome is RunOutcome.SUCCEEDED:
        return False  # counted when its artifact was seen
    if last is None or _ended(run, draft) > last.finished_at:
        return True
    return active is not None and active.name == run.name and last.name != run.name


def _note_causes(draft: Draft) -> None:
    """What a run stands for is acted on from the moment that the run is seen."""
    model, status = draft.model, draft.status
    names = [*(run.name for run in draft.situation.runs), *draft.situation.leaving]
    firings = [scheduled_firing(model, name) for name in names]
    known = [each for each in (*firings, status.last_schedule_time) if each is not None]
    if known:
        draft.set(last_schedule_time=max(known))
    token = draft.spec.retry_token
    if status.retry_token != token:
        wanted = retry_name(model, token)
        for run in draft.situation.runs:
            unseen = run.phase is RunPhase.ACTIVE or _is_new(run, draft)
            if base_of(run.name) == wanted and unseen:
                draft.set(retry_token=token)


def _note_end(run: Run, draft: Draft) -> None:
    made = any(each.job == run.name for each in draft.situation.artifacts)
    ended = _ended(run, draft)
    if run.phase is RunPhase.SUCCEEDED and made:
        _succeeded(run.name, ended, draft)
    elif run.phase is RunPhase.FAILED:
        _failed(run.name, ended, run.reason or "TrainingFailed", run.message, draft)
    elif draft.now - ended > ARTIFACT_PATIENCE and not draft.situation.volume_problem:
        message = "the training ended well but left no valid artifact on the volume"
        _failed(run.name, ended, "NoArtifact", message, draft)


def _succeeded(name: str, ended: datetime, draft: Draft) -> None:
    draft.set(
        last_run=FinishedRun(name=name, outcome=RunOutcome.SUCCEEDED, finished_at=ended),
        last_successful_time=ended,
        consecutive_failures=0,
        next_attempt_time=None,
    )
    draft.event("TrainingSucceeded", f"training {name} ended well")


def _failed(name: str, ended: datetime, reason: str, message: str, draft: Draft) -> None:
    failures = draft.status.consecutive_failures + 1
    attempt = draft.now + backoff(failures)
    draft.set(
        last_run=FinishedRun(
            name=name, outcome=RunOutcome.FAILED, reason=reason, message=message, finished_at=ended
        ),
        consecutive_failures=failures,
        next_attempt_time=attempt,
    )
    draft.event(
        "TrainingFailed",
        f"training {name} failed: {reason}: {message or 'no message'}; "
        f"tried again at {attempt:%Y-%m-%d %H:%M:%S} UTC",
        warning=True,
    )


def _note_stored(draft: Draft) -> None:
    """A training has done its work when its artifact is on the volume, though its process may
    take a while to end."""
    made = {each.job for each in draft.situation.artifacts}
    last = draft.status.last_run
    for run in draft.active_runs:
        if run.name in made and (last is None or last.name != run.name):
            _succeeded(run.name, draft.now, draft)


def _is_ending(draft: Draft, name: str) -> bool:
    last = draft.status.last_run
    return last is not None and last.name == name and last.outcome is RunOutcome.SUCCEEDED


def _note_vanished(draft: Draft) -> None:
    """The Job that was shown as running was deleted, or ended and was cleared away meanwhile."""
    active = draft.status.active_job
    if active is None or any(run.name == active.name for run in draft.situation.runs):
        return
    if _is_ending(draft, active.name):
        return
    if draft.situation.volume_problem:
        return
    if any(each.job == active.name for each in draft.situation.artifacts):
        _succeeded(active.name, draft.now, draft)
    else:
        _failed(active.name, draft.now, "JobGone", "its Job no longer exists", draft)


def _show_active(draft: Draft) -> None:
    running = [run for run in draft.active_runs if not _is_ending(draft, run.name)]
    before = draft.status.active_job
    if not running:
        if not _awaits_artifact(draft):
            draft.set(active_job=None)
        return
    run = running[0]
    percent = max(0, min(100, int(run.percent)))
    shown = ActiveJob(
        name=run.name,
        stage=run.stage,
        percent=percent,
        detail=run.detail,
        progress=f"{run.stage or 'starting'} {percent}%",
        estimated_end=run.estimated_end,
    )
    if before is None or before.name != run.name:
        draft.event("TrainingStarted", f"training {run.name} runs")
    elif (before.stage, before.percent) == (shown.stage, shown.percent):
        return  # the detail or another estimate alone is not worth a write
    draft.set(active_job=shown)
    for extra in running[1:]:
        draft.actions.append(StopTraining(extra.name, f"{run.name} runs already"))


def _awaits_artifact(draft: Draft) -> bool:
    """A run ended well so lately that its artifact may not be listed yet."""
    return any(
        run.phase is RunPhase.SUCCEEDED and _is_new(run, draft) for run in draft.situation.runs
    )


def decide_training(draft: Draft, schedule: Schedule | None) -> None:
    """Starts a training if one is wanted and nothing stands in its way."""
    situation = draft.situation
    if draft.active_runs or _awaits_artifact(draft):
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
