"""The Kubernetes adapter against an API in memory: what it reads, and what it writes."""

from pathlib import Path
from typing import Any

import pytest

from tradinglab.resource.status import TradingModelStatus
from tradinglab_operator.actions import RecordEvent, ServeDigest, StartTraining, WriteStatus
from tradinglab_operator.cluster import ClusterTrouble
from tradinglab_operator.kube.api import Refused
from tradinglab_operator.kube.serving import DIGEST_ANNOTATION, serving_of
from tradinglab_operator.kubernetes_cluster import KubernetesCluster, model_of
from tradinglab_operator.volume import Volume

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
TEMPLATE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"template": {"spec": {"containers": [{"name": "trainer", "image": "t:1"}]}}},
}


class Api:
    """Documents by plural and name; every write is noted."""

    namespace = "lab"

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[Any, ...]] = []

    def put(self, plural: str, name: str, document: dict[str, Any]) -> None:
        self.documents.setdefault(plural, {})[name] = document

    def list(self, _version: str, plural: str, labels: str = "") -> list[dict[str, Any]]:
        return list(self.documents.get(plural, {}).values())

    def get(self, _version: str, plural: str, name: str) -> dict[str, Any] | None:
        return self.documents.get(plural, {}).get(name)

    def create(self, _version: str, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body["metadata"]["name"]
        if name in self.documents.get(plural, {}):
            raise Refused(409, f"{plural} {name} already exists")
        self.put(plural, name, body)
        self.writes.append(("create", plural, name))
        return body

    def patch(
        self, _version: str, plural: str, name: str, body: Any, kind: str, **more: Any
    ) -> dict[str, Any]:
        self.writes.append(("patch", plural, name, body, kind, more))
        return {}


def resource(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "lab",
            "name": "btc",
            "uid": "uid-1",
            "generation": 2,
            "creationTimestamp": "2024-01-01T00:00:00Z",
        },
        "spec": {"market": {"symbol": "BTC/USDT"}, **spec},
    }


def deployment(**status: Any) -> dict[str, Any]:
    annotations = {DIGEST_ANNOTATION: DIGEST}
    return {
        "metadata": {"name": "tradinglab-api", "uid": "deployment-1", "generation": 5},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "api"}},
            "template": {"metadata": {"annotations": annotations}},
        },
        "status": {
            "observedGeneration": 5,
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": 2,
            **status,
        },
    }


def replica_set(digest: str | None, owner: str = "deployment-1") -> dict[str, Any]:
    annotations = {DIGEST_ANNOTATION: digest} if digest else {}
    return {
        "metadata": {"ownerReferences": [{"uid": owner}]},
        "spec": {"template": {"metadata": {"annotations": annotations}}},
    }


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> KubernetesCluster:
    return KubernetesCluster(api, Volume(tmp_path), TEMPLATE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        ({}, True),
        ({"observedGeneration": 4}, False),
        ({"updatedReplicas": 1}, False),
        ({"replicas": 3}, False),
        ({"availableReplicas": 1}, False),
    ],
    ids=["done", "not seen yet", "half updated", "an old pod is left", "not available"],
)
def test_a_rollout_is_complete_when_every_pod_is_new_and_available(
    status: dict[str, int], complete: bool
) -> None:
    assert serving_of(deployment(**status), []).complete is complete


def test_old_pods_are_not_counted_as_new_ones() -> None:
    serving = serving_of(deployment(replicas=3, updatedReplicas=1, availableReplicas=2), [])
    assert serving.message == "0 of 2 new pods are ready"
    assert serving.available


def test_every_digest_of_the_deployments_history_is_known() -> None:
    sets = [replica_set(DIGEST), replica_set(OTHER), replica_set(None), replica_set("x", "other")]
    assert serving_of(deployment(), sets).revision_digests == {DIGEST, OTHER}


def test_a_model_is_seen_with_its_jobs_and_its_deployment(
    api: Api, cluster: KubernetesCluster
) -> None:
    api.put("tradingmodels", "btc", resource())
    api.put("deployments", "tradinglab-api", deployment())
    model = cluster.observe()[0].model
    cluster.apply(model, StartTraining("btc-1", "due"))
    api.documents["jobs"]["btc-1"]["metadata"]["creationTimestamp"] = "2024-01-01T00:00:00Z"
    stranger = {"metadata": {"name": "x", "creationTimestamp": "2024-01-01T00:00:00Z"}}
    api.put("jobs", "x", stranger)
    seen = cluster.observe()[0]
    assert [run.name for run in seen.runs] == ["btc-1"]
    assert seen.serving is not None and seen.serving.digest == DIGEST
    assert seen.volume_problem == ""


def test_a_resource_that_is_being_deleted_is_left_alone(
    api: Api, cluster: KubernetesCluster
) -> None:
    document = resource()
    document["metadata"]["deletionTimestamp"] = "2024-01-02T00:00:00Z"
    api.put("tradingmodels", "btc", document)
    assert cluster.observe() == []


def test_an_unreadable_spec_is_told_by_field() -> None:
    model = model_of(resource(retrain="now"))
    assert model.spec is None
    assert model.problem == "spec.retrain: unknown field"


def test_a_request_for_a_training_is_read_from_the_annotation() -> None:
    document = resource()
    assert model_of(document).training_request == ""
    document["metadata"]["annotations"] = {"tradinglab.dev/training-requested": f"{DIGEST}: drift"}
    assert model_of(document).training_request == f"{DIGEST}: drift"


def test_a_job_that_exists_is_adopted_if_it_is_ours(api: Api, cluster: KubernetesCluster) -> None:
    model = model_of(resource())
    cluster.apply(model, StartTraining("btc-1", "due"))
    cluster.apply(model, StartTraining("btc-1", "due"))
    assert api.writes == [("create", "jobs", "btc-1")]


def test_a_job_in_deletion_is_no_run_but_its_name_is_taken(
    api: Api, cluster: KubernetesCluster
) -> None:
    api.put("tradingmodels", "btc", resource())
    model = model_of(resource())
    cluster.apply(model, StartTraining("btc-1", "due"))
    api.documents["jobs"]["btc-1"]["metadata"].update(
        creationTimestamp="2024-01-01T00:00:00Z",
        deletionTimestamp="2024-01-01T00:01:00Z",
        finalizers=["foregroundDeletion"],
    )
    seen = cluster.observe()[0]
    assert (seen.runs, seen.leaving) == ((), frozenset({"btc-1"}))
    with pytest.raises(ClusterTrouble, match="Job btc-1 is being deleted") as raised:
        cluster.apply(model, StartTraining("btc-1", "due"))
    assert raised.value.reason == "JobTerminating"


def test_one_models_odd_job_hides_no_other_model(api: Api, cluster: KubernetesCluster) -> None:
    second = resource()
    second["metadata"].update(name="eth", uid="uid-2", creationTimestamp="2024-01-02T00:00:00Z")
    api.put("tradingmodels", "btc", resource())
    api.put("tradingmodels", "eth", second)
    cluster.apply(model_of(resource()), StartTraining("btc-1", "due"))
    api.documents["jobs"]["btc-1"]["metadata"]["creationTimestamp"] = "yesterday"
    odd, good = cluster.observe()
    assert isinstance(odd.unreadable, ValueError)
    assert good.unreadable is None


def test_a_job_of_somebody_else_is_not_adopted(api: Api, cluster: KubernetesCluster) -> None:
    api.put("jobs", "btc-1", {"metadata": {"name": "btc-1"}})
    with pytest.raises(ClusterTrouble, match=r"Job btc-1 exists but is not of lab/btc") as raised:
        cluster.apply(model_of(resource()), StartTraining("btc-1", "due"))
    assert raised.value.reason == "JobNameTaken"


def test_the_status_is_written_whole_and_only_to_this_very_resource(
    api: Api, cluster: KubernetesCluster
) -> None:
    cluster.apply(model_of(resource()), WriteStatus(TradingModelStatus(observed_generation=2)))
    _, plural, name, body, kind, more = api.writes[0]
    assert (plural, name, kind, more) == (
        "tradingmodels",
        "btc",
        "application/json-patch+json",
        {"sub": "status"},
    )
    assert body[0] == {"op": "test", "path": "/metadata/uid", "value": "uid-1"}
    assert body[1]["op"] == "add" and body[1]["value"]["observedGeneration"] == 2


def test_serving_touches_exactly_one_annotation(api: Api, cluster: KubernetesCluster) -> None:
    cluster.apply(model_of(resource()), ServeDigest(DIGEST))
    _, plural, name, body, kind, more = api.writes[0]
    assert (plural, name, kind) == (
        "deployments",
        "tradinglab-api",
        "application/apply-patch+yaml",
    )
    assert body["spec"] == {"template": {"metadata": {"annotations": {DIGEST_ANNOTATION: DIGEST}}}}
    assert more["query"] == {"fieldManager": "tradinglab-operator", "force": "true"}


def test_an_event_that_happens_again_is_counted(api: Api, cluster: KubernetesCluster) -> None:
    model = model_of(resource())
    cluster.apply(model, RecordEvent("RolledOut", "v1 is served"))
    cluster.apply(model, RecordEvent("RolledOut", "v1 is served"))
    cluster.apply(model, RecordEvent("RolledOut", "v2 is served"))
    assert len(api.documents["events"]) == 2
    counts = [write[3]["count"] for write in api.writes if write[0] == "patch"]
    assert counts == [2]


def test_a_volume_that_is_not_mounted_is_a_problem_not_an_empty_one(tmp_path: Path) -> None:
    contents = Volume(tmp_path / "absent").contents("lab/btc")
    assert contents.problem.endswith("absent is not mounted")
