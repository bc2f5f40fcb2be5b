"""The plan's step for a change of the served artifact: begin it, follow it, or go back.

Called by the artifact step. What is to be served is written to the status before the Deployment
is touched, so that a digest we asked for is never taken for a person's choice.
"""

from datetime import timedelta

from tradinglab.resource.status import Rollout
from tradinglab_operator.draft import Draft
from tradinglab_operator.situation import ArtifactFacts


def begin_rollout(draft: Draft, artifact: ArtifactFacts, why: str) -> None:
    """The next visit sees the Deployment ask for it; the deadline counts from then on."""
    draft.set(
        candidate=artifact.status(),
        rollout=Rollout(digest=artifact.digest, started_at=draft.now),
    )
    draft.event("RollingOut", f"artifact {artifact.version} rolls out: {why}")


def follow_rollout(draft: Draft) -> None:
    """Ends a rollout that is complete, pointless, or overdue with something to go back to."""
    rollout, serving = draft.status.rollout, draft.situation.serving
    if rollout is None:
        return
    artifact = draft.artifact(rollout.digest)
    if artifact is None:
        draft.event("RolloutAbandoned", f"artifact {rollout.digest} left the volume", warning=True)
        draft.set(rollout=None, candidate=None)
        return
    if serving is None or serving.replicas == 0 or serving.digest != rollout.digest:
        if rollout.applied:
            draft.set(rollout=rollout.model_copy(update={"applied": False}))
        return
    if not rollout.applied:
        rollout = Rollout(digest=rollout.digest, started_at=draft.now, applied=True)
        draft.set(rollout=rollout)
    if serving.complete:
        _complete(draft, artifact)
        return
    if is_overdue(draft):
        _overdue(draft, artifact, _why_overdue(draft))


def is_overdue(draft: Draft) -> bool:
    """The Deployment asks for it, and its pods had their time."""
    rollout = draft.status.rollout
    deadline = timedelta(seconds=draft.spec.serving.rollout_deadline_seconds)
    return rollout is not None and rollout.applied and draft.now - rollout.started_at > deadline


def replace_overdue(draft: Draft, newer: ArtifactFacts, why: str) -> None:
    """The first rollout failed, and now there is another to try: the failed one is barred."""
    failed = draft.status.rollout
    if failed is not None:
        draft.reject(failed.digest, _why_overdue(draft), rollout_failed=True)
        before = draft.artifact(failed.digest)
        draft.event(
            "RolloutAbandoned",
            f"artifact {before.version if before else failed.digest}: {_why_overdue(draft)}; "
            f"{newer.version} is tried instead",
            warning=True,
        )
    begin_rollout(draft, newer, why)


def _complete(draft: Draft, artifact: ArtifactFacts) -> None:
    before = draft.status.current
    if before is not None and before.digest != artifact.digest:
        draft.set(previous=before)
    draft.set(current=artifact.status(), candidate=None, rollout=None, pin=None)
    draft.event("RolledOut", f"artifact {artifact.version} is served ({artifact.verdict})")


def _why_overdue(draft: Draft) -> str:
    seconds = draft.spec.serving.rollout_deadline_seconds
    message = draft.situation.serving.message if draft.situation.serving else ""
    return f"its pods were not ready within {seconds} s" + (f": {message}" if message else "")


def _overdue(draft: Draft, artifact: ArtifactFacts, why: str) -> None:
    current = draft.status.current
    if current is None or draft.artifact(current.digest) is None:
        # Nothing to go back to: a late success is better than none, a newer artifact better yet.
        draft.problems.append(("RolloutOverdue", f"artifact {artifact.version}: {why}"))
        return
    draft.reject(artifact.digest, why, rollout_failed=True)
    draft.set(rollout=None, candidate=None)
    draft.event(
        "RolledBack",
        f"artifact {artifact.version}: {why}; back to {current.version}",
        warning=True,
    )
