"""The API's Deployment: read as what it serves, asked for a digest by one annotation.

Used by the Kubernetes adapter. Pure: documents in and out.
"""

from collections.abc import Sequence
from typing import Any

from tradinglab.resource.rules import GROUP
from tradinglab_operator.kube.jobs import is_owned_by
from tradinglab_operator.situation import Serving

Document = dict[str, Any]
DIGEST_ANNOTATION = f"{GROUP}/artifact-digest"
FIELD_MANAGER = "tradinglab-operator"


def _digest(workload: Document) -> str | None:
    template = (workload.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return annotations.get(DIGEST_ANNOTATION) or None


def serving_of(deployment: Document, replica_sets: Sequence[Document]) -> Serving:
    """Complete as `kubectl rollout status` means it: the controller has seen this template, every
    pod is of it and available, and no pod of another is left."""
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    metadata = deployment["metadata"]
    wanted = int(spec.get("replicas", 1))
    updated = int(status.get("updatedReplicas") or 0)
    available = int(status.get("availableReplicas") or 0)
    old = max(0, int(status.get("replicas") or 0) - updated)
    seen = int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0)
    complete = (
        seen
        and wanted > 0
        and (updated == wanted == int(status.get("replicas") or 0) and available >= wanted)
    )
    revisions = {
        digest
        for each in replica_sets
        if is_owned_by(each, str(metadata.get("uid"))) and (digest := _digest(each))
    }
    return Serving(
        digest=_digest(deployment),
        complete=complete,
        replicas=wanted,
        available=available > 0,
        revision_digests=frozenset(revisions),
        message="" if complete else f"{max(0, available - old)} of {wanted} new pods are ready",
    )


def apply_body(name: str, digest: str) -> Document:
    """All that we own of the Deployment."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"metadata": {"annotations": {DIGEST_ANNOTATION: digest}}}},
    }
