"""The plan's step for firings that no training answered: each is told, none is made up for late.

Called by the plan before it decides on a training. A firing is missed when a later one takes its
place or its starting deadline has passed.
"""

from datetime import timedelta

from tradinglab.resource.status import MissedFiring
from tradinglab_operator.draft import Draft
from tradinglab_operator.schedule import MOST_COUNTED, Schedule

SUSPENDED = "spec.schedule.suspend is true"
# Firings missed for one reason, each so soon after the other, are one Event.
ONE_STORY = timedelta(hours=1)


def note_missed(draft: Draft, schedule: Schedule | None) -> None:
    """Tells what was missed since it was told last, once."""
    status = draft.status
    ran = status.last_schedule_time
    if status.missed and ran and ran > status.missed.firing:
        draft.set(missed=None)
    if schedule is None:
        return
    since = max(
        each
        for each in (
            draft.model.created_at,
            ran,
            status.firings_seen_until,
        )
        if each is not None
    )
    before = draft.status.missed
    if schedule.suspended and before and before.reason == SUSPENDED:
        return  # told once; what passes until it is resumed is no news
    missed, count = schedule.missed(since, draft.now)
    if missed is None:
        return
    draft.set(firings_seen_until=missed)
    if _is_of_another_schedule(draft, schedule):
        return
    reason = _why(draft, schedule)
    goes_on = before and before.reason == reason and missed - before.firing < ONE_STORY
    if before and goes_on:
        count = min(MOST_COUNTED, count + before.count)
    draft.set(missed=MissedFiring(firing=missed, count=count, reason=reason))
    if not goes_on:
        draft.event("FiringMissed", missed_in_words(draft), warning=True)


def missed_in_words(draft: Draft) -> str:
    """Empty if nothing was missed since the last scheduled run."""
    missed = draft.status.missed
    if missed is None:
        return ""
    which = f"the training scheduled for {missed.firing:%Y-%m-%d %H:%M} UTC was missed"
    before = f" (and {missed.count - 1} before it)" if missed.count > 1 else ""
    return f"{which}{before}: {missed.reason}"


def _is_of_another_schedule(draft: Draft, schedule: Schedule) -> bool:
    """A changed expression would have fired when nobody had asked for it yet."""
    if draft.model.status.observed_generation == draft.model.generation:
        return False
    promised = draft.model.status.next_schedule_time
    if promised is None or promised > draft.now:
        return True
    return schedule.next_after(promised - timedelta(seconds=1)) != promised


def _why(draft: Draft, schedule: Schedule) -> str:
    if schedule.suspended:
        return SUSPENDED
    if draft.active_runs:
        return f"training {draft.active_runs[0].name} ran"
    if draft.situation.training_elsewhere:
        return f"the training of {draft.situation.training_elsewhere} ran"
    if draft.situation.volume_problem:
        return draft.situation.volume_problem
    if draft.situation.deployment_taken_by:
        return f"{draft.situation.deployment_taken_by} serves from this Deployment"
    seconds = int(schedule.starting_deadline.total_seconds())
    return (
        f"nothing started it within startingDeadlineSeconds ({seconds} s) or before the next one; "
        "the operator was down or the cluster did not let it"
    )
