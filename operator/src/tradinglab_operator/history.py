"""The plan's step for trainings that ended: the oldest beyond the limits are cleared away.

Called by the plan after retention. Kubernetes alone would clear them by age, however many came.
"""

from tradinglab_operator.actions import RemoveTraining
from tradinglab_operator.draft import Draft
from tradinglab_operator.run_names import is_requested
from tradinglab_operator.situation import Run, RunPhase

MAX_EACH_VISIT = 10


def clear_history(draft: Draft) -> None:
    """Only what was counted: a training older than the last one that the status tells of."""
    limits, last = draft.situation.history, draft.status.last_run
    if limits is None or last is None or last.created_at is None or draft.situation.volume_problem:
        return
    counted = [
        run
        for run in draft.situation.runs
        if run.phase is not RunPhase.ACTIVE
        and run.created_at < last.created_at
        and not _name_may_return(draft, run)
    ]
    latest = [run for run in draft.situation.runs if run.name == last.name]
    going = [
        *_beyond(limits.successful, RunPhase.SUCCEEDED, counted, latest),
        *_beyond(limits.failed, RunPhase.FAILED, counted, latest),
    ]
    draft.actions += [RemoveTraining(run.name) for run in going[:MAX_EACH_VISIT]]


def _beyond(limit: int, phase: RunPhase, counted: list[Run], latest: list[Run]) -> list[Run]:
    """The oldest first; the last run is kept and counts."""
    ended = sorted(
        (run for run in counted if run.phase is phase), key=lambda run: (run.created_at, run.name)
    )
    kept = limit - sum(run.phase is phase for run in latest)
    return ended[: max(0, len(ended) - kept)]


def _name_may_return(draft: Draft, run: Run) -> bool:
    """A person may write a former retryToken again. While the artifact of that training is on the
    volume its Job keeps the name taken, or the new one would count as done at once."""
    made = any(each.job == run.name for each in draft.situation.artifacts)
    return made and is_requested(draft.model, run.name)
