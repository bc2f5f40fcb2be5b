"""Kubernetes Events: one object for each thing that happened, counted when it happens again.

Used by the Kubernetes adapter.
"""

import hashlib
from datetime import UTC, datetime

from tradinglab.resource.rules import API_VERSION, KIND
from tradinglab_operator.actions import RecordEvent
from tradinglab_operator.kube.api import MERGE_PATCH, Document, KubernetesApi, Refused
from tradinglab_operator.situation import Model

COMPONENT = "tradinglab-operator"
MAX_MESSAGE = 1000


def event_of(model: Model, event: RecordEvent, now: datetime) -> Document:
    """Its name is made of what it says, so that a repetition finds the first."""
    said = f"{model.uid} {event.reason} {event.message}"
    moment = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{model.name}.{hashlib.sha256(said.encode()).hexdigest()[:16]}",
            "namespace": model.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": model.name,
            "namespace": model.namespace,
            "uid": model.uid,
        },
        "reason": event.reason,
        "message": event.message[:MAX_MESSAGE],
        "type": "Warning" if event.warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def record(api: KubernetesApi, model: Model, event: RecordEvent) -> None:
    document = event_of(model, event, datetime.now(UTC))
    try:
        api.create("v1", "events", document)
    except Refused as refused:
        if refused.status != 409:
            raise
        name = document["metadata"]["name"]
        before = api.get("v1", "events", name) or {}
        again = {
            "count": int(before.get("count") or 0) + 1,
            "lastTimestamp": document["lastTimestamp"],
        }
        api.patch("v1", "events", name, again, MERGE_PATCH)
