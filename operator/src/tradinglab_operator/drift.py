"""The plan's step for drift: what the bot reported of the artifact in service, and whether a
training is to answer it.

Called by the plan. Each artifact's drift is answered once, by whatever training runs next: all of
them learn from the newest bars.
"""

from datetime import datetime, timedelta

from tradinglab.errors import ConfigurationError
from tradinglab.resource.status import DriftReport
from tradinglab.resource.training_request import TrainingRequest
from tradinglab_operator.draft import Draft
from tradinglab_operator.run_names import base_of, drift_name


def note_drift(draft: Draft) -> None:
    """Takes the report into the status, tells a new one, and notes which training answers it."""
    request, current = _request(draft), draft.status.current
    if request is None or current is None or request.digest != current.digest:
        draft.set(drift=None)
        return
    known = draft.status.drift
    if known is None or known.digest != request.digest:
        known = DriftReport(digest=request.digest, reason=request.reason)
        draft.event("DriftReported", f"artifact {current.version} has drifted: {request.reason}")
    if not known.answered and _is_answered(draft, request.digest):
        known = known.model_copy(update={"answered": True})
    draft.set(drift=known)


def _request(draft: Draft) -> TrainingRequest | None:
    line = draft.model.training_request
    if not line:
        return None
    try:
        return TrainingRequest.decoded(line)
    except ConfigurationError as error:
        draft.problems.append(("InvalidTrainingRequest", str(error)))
        return None


def _is_answered(draft: Draft, digest: str) -> bool:
    """By a run, by one that is being deleted, or by one that is gone and left its artifact."""
    wanted = drift_name(draft.model, digest)
    names = {run.name for run in draft.situation.runs} | draft.situation.leaving
    names |= {each.job for each in draft.situation.artifacts}
    return bool(draft.active_runs) or any(base_of(name) == wanted for name in names)


def drift_hold(draft: Draft) -> str:
    """Why a reported drift starts no training now; empty if it does, or if there is none."""
    report = draft.status.drift
    if report is None or report.answered:
        return ""
    if not draft.spec.training.retrain_on_drift:
        return "spec.training.retrainOnDrift is false"
    if draft.spec.schedule.suspend:
        return "spec.schedule.suspend is true"
    if draft.status.rollout is not None:
        return "another artifact rolls out"
    earliest = _earliest(draft)
    if earliest is not None and draft.now < earliest:
        return f"spec.training.driftIntervalHours ends at {earliest:%Y-%m-%d %H:%M} UTC"
    return ""


def _earliest(draft: Draft) -> datetime | None:
    """The interval counts from the last training, whatever it was for and however it ended."""
    last, current = draft.status.last_run, draft.status.current
    ends = [each.finished_at for each in (last,) if each]
    ends += [each.trained_at for each in (current,) if each]
    interval = timedelta(hours=draft.spec.training.drift_interval_hours)
    return max(ends) + interval if ends else None


def drift_training(draft: Draft) -> tuple[str, str] | None:
    """Name and cause of the training that a reported drift wants now."""
    report = draft.status.drift
    if report is None or report.answered or drift_hold(draft):
        return None
    return drift_name(draft.model, report.digest), f"drift: {report.reason}"
