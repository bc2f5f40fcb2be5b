"""The plan's step for artifacts: which one is to be served.

Called by the plan. A person's choice comes first (`pinnedDigest`, then `kubectl rollout undo`),
then the gate's verdict on every artifact that was trained after the one in service.
"""

from datetime import datetime
from enum import StrEnum

from tradinglab.artifact.manifest import Comparison
from tradinglab.resource.spec import WhenInconclusive
from tradinglab.resource.status import MAX_REJECTED, Pin
from tradinglab_operator.actions import ServeDigest
from tradinglab_operator.draft import Draft
from tradinglab_operator.rollout import (
    begin_rollout,
    follow_rollout,
    is_overdue,
    replace_overdue,
)
from tradinglab_operator.situation import ArtifactFacts


class Judgement(StrEnum):
    PROMOTE = "Promote"
    HOLD = "Hold"
    REJECT = "Reject"


def judge(artifact: ArtifactFacts, when_inconclusive: WhenInconclusive) -> tuple[Judgement, str]:
    """What the gate's verdict means for the artifact in service, and why."""
    if not artifact.servable:
        return Judgement.REJECT, artifact.refusal or "the gate found it not servable"
    match artifact.comparison:
        case Comparison.FIRST:
            return Judgement.PROMOTE, "it is the first"
        case Comparison.BETTER:
            return Judgement.PROMOTE, "it is better than the artifact in service"
        case Comparison.WORSE:
            return Judgement.REJECT, "it is worse than the artifact in service"
        case Comparison.INCONCLUSIVE:
            rule = f"neither better nor worse, and whenInconclusive is {when_inconclusive.value}"
            return Judgement(when_inconclusive.value), rule


def choose_artifact(draft: Draft) -> None:
    """Moves status.current, candidate, previous, pin and rollout, and asks for the digest."""
    if draft.situation.volume_problem or draft.situation.deployment_taken_by:
        return
    _note_lost_artifact(draft)
    if draft.spec.serving.pinned_digest:
        _follow_pinned_digest(draft, draft.spec.serving.pinned_digest)
    else:
        _note_persons_choice(draft)
        follow_rollout(draft)
        if draft.status.rollout is None:
            _consider_newer(draft)
        elif is_overdue(draft):
            _consider_instead(draft)
    _ask_for_digest(draft)


def _note_lost_artifact(draft: Draft) -> None:
    current, previous = draft.status.current, draft.status.previous
    if current and draft.artifact(current.digest) is None:
        draft.problems.append(
            (
                "ServedArtifactMissing",
                f"artifact {current.version}, which is served, is gone from the volume or damaged",
            )
        )
    if previous and draft.artifact(previous.digest) is None:
        draft.set(previous=None)


def _follow_pinned_digest(draft: Draft, pinned: str) -> None:
    draft.set(pin=None)
    artifact, current = draft.artifact(pinned), draft.status.current
    failed = [
        each
        for each in draft.status.rejected
        if each.digest == pinned
        and each.rollout_failed
        and each.generation == draft.model.generation
    ]
    if artifact is None:
        draft.problems.append(
            ("PinnedArtifactMissing", f"pinnedDigest {pinned} is not on the volume")
        )
        follow_rollout(draft)
    elif failed:
        draft.problems.append(("PinnedRolloutFailed", f"pinnedDigest {pinned}: {failed[0].reason}"))
    elif draft.status.rollout and draft.status.rollout.digest == pinned:
        follow_rollout(draft)
    elif current is None or current.digest != pinned:
        draft.forgive(pinned)
        begin_rollout(draft, artifact, "it is pinned by spec.serving.pinnedDigest")
    else:
        draft.set(rollout=None, candidate=None)


def _note_persons_choice(draft: Draft) -> None:
    """A known digest on the Deployment that we did not write was put there by a person."""
    serving, status = draft.situation.serving, draft.status
    asked = serving.digest if serving else None
    artifact = draft.artifact(asked)
    if artifact is None or draft.is_rejected(artifact.digest):
        return
    if status.rollout is not None:
        if asked == status.rollout.digest or not status.rollout.applied:
            return
        draft.reject(status.rollout.digest, "a person undid its rollout", undone=True)
        draft.set(rollout=None, candidate=None)
    elif status.current is None:
        draft.set(current=artifact.status())  # the status was lost, or the resource is new
        return
    elif asked == status.current.digest:
        return
    before = draft.status.current
    if before is not None and before.digest != artifact.digest:
        draft.set(previous=before, current=artifact.status())
    draft.set(pin=Pin(digest=artifact.digest, since=draft.now), candidate=None)
    draft.event(
        "PinnedByRollback",
        f"a person went back to artifact {artifact.version}; it stays until a newer one is "
        "trained and accepted",
    )


def _consider_newer(draft: Draft) -> None:
    """Takes the newest artifact that the gate lets pass; remembers those that it does not."""
    current, pin = draft.status.current, draft.status.pin
    lost = current is None or draft.artifact(current.digest) is None
    after = None if lost or current is None else current.trained_at
    if pin is not None and after is not None:
        after = max(after, pin.since)
    newer = _newest_first(draft, after)
    refused: list[tuple[ArtifactFacts, str]] = []
    candidate = None
    for artifact in newer:
        if artifact.digest in draft.barred:
            continue
        judgement, why = judge(artifact, draft.spec.promotion.when_inconclusive)
        if judgement is Judgement.REJECT:
            refused.append((artifact, why))
            continue
        draft.forgive(artifact.digest)
        if judgement is Judgement.HOLD:
            candidate = artifact.status()
            if draft.status.candidate != candidate:
                draft.event("ArtifactHeld", f"artifact {artifact.version} waits: {why}")
        elif _may_try_another(draft, newer):
            begin_rollout(draft, artifact, why)
            candidate = artifact.status()
        break
    draft.set(candidate=candidate)
    _remember_refused(draft, refused)


def _newest_first(draft: Draft, after: datetime | None) -> list[ArtifactFacts]:
    """Of the artifacts trained after that instant."""
    newer = [each for each in draft.situation.artifacts if after is None or each.trained_at > after]
    return sorted(newer, key=lambda each: (each.trained_at, each.version), reverse=True)


def _consider_instead(draft: Draft) -> None:
    """A first rollout that failed has nothing to go back to, and must not block what comes later:
    the newest artifact that the gate lets pass is tried in its place."""
    stuck = draft.artifact(draft.status.rollout.digest) if draft.status.rollout else None
    refused: list[tuple[ArtifactFacts, str]] = []
    for artifact in _newest_first(draft, stuck.trained_at if stuck else None):
        if artifact.digest in draft.barred:
            continue
        judgement, why = judge(artifact, draft.spec.promotion.when_inconclusive)
        if judgement is Judgement.PROMOTE:
            replace_overdue(draft, artifact, why)
            break
        if judgement is Judgement.REJECT:
            refused.append((artifact, why))
    _remember_refused(draft, refused)


def _may_try_another(draft: Draft, newer: list[ArtifactFacts]) -> bool:
    """Not when one more failure would push a failed rollout out of memory, to be tried again."""
    failed = [each.version for each in newer if each.digest in draft.barred]
    if len(failed) < MAX_REJECTED:
        return True
    message = (
        f"the rollouts of {len(failed)} artifacts failed or were undone; no other is tried until "
        "serving.pinnedDigest names one"
    )
    draft.problems.append(("TooManyFailedRollouts", message))
    return False


def _remember_refused(draft: Draft, refused: list[tuple[ArtifactFacts, str]]) -> None:
    """Tells of each refusal once. Only as many as the list holds, the newest, are remembered and
    told; the others are refused again at each visit in silence."""
    room = MAX_REJECTED - len(draft.barred)
    for artifact, why in reversed(refused[:room]):
        if not draft.is_rejected(artifact.digest):
            draft.reject(artifact.digest, why)
            draft.event("ArtifactRejected", f"artifact {artifact.version}: {why}", warning=True)


def _ask_for_digest(draft: Draft) -> None:
    rollout, current = draft.status.rollout, draft.status.current
    wanted = rollout.digest if rollout else current.digest if current else None
    serving = draft.situation.serving
    if wanted and serving and serving.digest != wanted and draft.artifact(wanted):
        draft.actions.append(ServeDigest(wanted))
