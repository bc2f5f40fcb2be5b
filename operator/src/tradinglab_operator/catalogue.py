"""The plan's step for the list of artifacts in the status: what there is, and what became of it.

Called by the plan after retention, whose removals it leaves out.
"""

from tradinglab.resource.status import MAX_ARTIFACTS, ArtifactState, KnownArtifact
from tradinglab_operator.actions import RemoveArtifact
from tradinglab_operator.draft import Draft
from tradinglab_operator.situation import ArtifactFacts


def list_artifacts(draft: Draft) -> None:
    """The newest first, as many as the list holds; what a missing volume held stays as told."""
    if draft.situation.volume_problem:
        return
    going = {each.version for each in draft.actions if isinstance(each, RemoveArtifact)}
    newest_first = sorted(
        (each for each in draft.situation.artifacts if each.version not in going),
        key=lambda each: (each.trained_at, each.version),
        reverse=True,
    )
    draft.set(artifacts=tuple(_known(draft, each) for each in newest_first[:MAX_ARTIFACTS]))


def _known(draft: Draft, artifact: ArtifactFacts) -> KnownArtifact:
    state, reason = _state(draft, artifact.digest)
    return KnownArtifact(**dict(artifact.status()), state=state, reason=reason)


def _state(draft: Draft, digest: str) -> tuple[ArtifactState, str]:
    status = draft.status
    for each, state in (
        (status.current, ArtifactState.SERVED),
        (status.candidate, ArtifactState.CANDIDATE),
    ):
        if each is not None and each.digest == digest:
            return state, ""
    for rejection in status.rejected:
        if rejection.digest == digest:
            return ArtifactState.REJECTED, rejection.reason
    if status.previous is not None and status.previous.digest == digest:
        return ArtifactState.PREVIOUS, ""
    return ArtifactState.STORED, ""
