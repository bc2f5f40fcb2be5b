"""The plan's step for old artifacts: which ones may go.

Called by the plan last. What is served, was served before, is pinned, rolls out or is still named
by a revision of the Deployment stays, whatever `storage.keep` says.
"""

from tradinglab_operator.actions import RemoveArtifact
from tradinglab_operator.draft import Draft


def prune(draft: Draft) -> None:
    if draft.situation.volume_problem:
        return
    newest_first = sorted(
        draft.situation.artifacts, key=lambda each: (each.trained_at, each.version), reverse=True
    )
    needed = _needed_digests(draft)
    for artifact in newest_first[draft.spec.storage.keep :]:
        if artifact.digest not in needed:
            draft.actions.append(RemoveArtifact(artifact.version))


def _needed_digests(draft: Draft) -> set[str | None]:
    status, serving = draft.status, draft.situation.serving
    # The status before this visit counts too: what was current a moment ago may be the previous.
    needed: set[str | None] = {draft.spec.serving.pinned_digest}
    for each in (draft.model.status, status):
        for artifact in (each.current, each.candidate, each.previous):
            needed.add(artifact.digest if artifact else None)
        needed.add(each.rollout.digest if each.rollout else None)
        needed.add(each.pin.digest if each.pin else None)
    if serving:
        needed |= serving.revision_digests | {serving.digest}
    return needed
