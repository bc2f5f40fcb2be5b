"""The plan's step for what became of trainings: each ended one is counted once, the running shown.

Called by the plan before it decides on artifacts and on another training.
"""

from datetime import datetime, timedelta

from tradinglab.resource.status import ActiveJob, FinishedRun, RunOutcome
from tradinglab_operator.actions import StopTraining
from tradinglab_operator.draft import Draft
from tradinglab_operator.run_names import base_of, retry_name, scheduled_firing
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
    """It was not counted yet. Runs follow one another, so their creation orders them, by one clock
    that is not ours."""
    last, active = draft.status.last_run, draft.status.active_job
    if last is None:
        return True
    if last.name == run.name and last.outcome is RunOutcome.SUCCEEDED:
        return False  # counted when its artifact was seen
    if active is not None and active.name == run.name and last.name != run.name:
        return True
    if last.created_at is not None:
        return run.created_at > last.created_at
    return _ended(run, draft) > last.finished_at


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
        _succeeded(run.name, run.created_at, ended, draft)
    elif run.phase is RunPhase.FAILED:
        _failed(_failure_of(run, ended, run.reason or "TrainingFailed", run.message), draft)
    elif draft.now - ended > ARTIFACT_PATIENCE and not draft.situation.volume_problem:
        message = "the training ended well but left no valid artifact on the volume"
        _failed(_failure_of(run, ended, "NoArtifact", message), draft)


def _failure_of(run: Run, ended: datetime, reason: str, message: str) -> FinishedRun:
    return FinishedRun(
        name=run.name,
        outcome=RunOutcome.FAILED,
        reason=reason,
        message=message,
        finished_at=ended,
        created_at=run.created_at,
    )


def _succeeded(name: str, created: datetime | None, ended: datetime, draft: Draft) -> None:
    draft.set(
        last_run=FinishedRun(
            name=name, outcome=RunOutcome.SUCCEEDED, finished_at=ended, created_at=created
        ),
        last_successful_time=ended,
        consecutive_failures=0,
        next_attempt_time=None,
    )
    draft.event("TrainingSucceeded", f"training {name} ended well")


def _failed(run: FinishedRun, draft: Draft) -> None:
    failures = draft.status.consecutive_failures + 1
    attempt = draft.now + backoff(failures)
    draft.set(last_run=run, consecutive_failures=failures, next_attempt_time=attempt)
    draft.event(
        "TrainingFailed",
        f"training {run.name} failed: {run.reason}: {run.message or 'no message'}; "
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
            _succeeded(run.name, run.created_at, draft.now, draft)


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
        _succeeded(active.name, active.created_at, draft.now, draft)
        return
    gone = FinishedRun(
        name=active.name,
        outcome=RunOutcome.FAILED,
        reason="JobGone",
        message="its Job no longer exists",
        finished_at=draft.now,
        created_at=active.created_at,
    )
    _failed(gone, draft)


def _show_active(draft: Draft) -> None:
    running = [run for run in draft.active_runs if not _is_ending(draft, run.name)]
    before = draft.status.active_job
    if not running:
        if not awaits_artifact(draft):
            draft.set(active_job=None)
        return
    run = running[0]
    percent = max(0, min(100, int(run.percent)))
    shown = ActiveJob(
        name=run.name,
        created_at=run.created_at,
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


def awaits_artifact(draft: Draft) -> bool:
    """A run ended well so lately that its artifact may not be listed yet."""
    return any(
        run.phase is RunPhase.SUCCEEDED and _is_new(run, draft) for run in draft.situation.runs
    )
