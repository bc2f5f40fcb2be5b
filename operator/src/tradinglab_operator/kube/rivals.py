"""Two operators in one namespace would undo each other's work: the older one serves.

Used by the Kubernetes adapter, for releases that no `helm install` could refuse. Pure.
"""

from collections.abc import Sequence
from typing import Any

from tradinglab_operator.cluster import ClusterTrouble

Document = dict[str, Any]
INSTANCE = "app.kubernetes.io/instance"
OPERATOR = {
    "app.kubernetes.io/part-of": "tradinglab",
    "app.kubernetes.io/component": "operator",
}


def _labels(deployment: Document) -> Document:
    return deployment["metadata"].get("labels") or {}


def stand_by_for_older(deployments: Sequence[Document], release: str) -> None:
    """Raises ClusterTrouble unless the namespace's oldest operator that has pods is ours."""
    operators = [
        each
        for each in deployments
        if OPERATOR.items() <= _labels(each).items()
        and int((each.get("spec") or {}).get("replicas", 1)) > 0
    ]
    first = min(
        operators,
        key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]),
        default=None,
    )
    owner = _labels(first).get(INSTANCE) if first else release
    if owner != release:
        raise ClusterTrouble(
            "AnotherOperator",
            f"release {owner} serves this namespace with its operator, so that of {release} does "
            "nothing; set operator.enabled=false in one of them",
        )
