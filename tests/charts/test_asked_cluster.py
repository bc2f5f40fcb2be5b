"""What the chart asks the cluster for while it is rendered, answered by a server on loopback."""

import subprocess
from collections.abc import Iterator

import pytest
import yaml
from tests.charts.rendering import BESIDE_ANOTHER, CHART, Document, helm, one
from tests.operator import fake_api
from tests.operator.fake_api import FakeApi, Fault

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

# Of all that the chart makes and asks for.
KINDS = {
    "v1": ("ServiceAccount", "ConfigMap", "Secret", "Service", "Pod", "PersistentVolumeClaim"),
    "apps/v1": ("Deployment",),
    "discovery.k8s.io/v1": ("EndpointSlice",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
    "scheduling.k8s.io/v1": ("PriorityClass",),
    "apiextensions.k8s.io/v1": ("CustomResourceDefinition",),
    "admissionregistration.k8s.io/v1": (
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ),
}


def plural(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("y"):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith("ss") else f"{lower}s"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    resources = {
        version: tuple((plural(kind), kind) for kind in kinds) for version, kinds in KINDS.items()
    }
    monkeypatch.setattr(fake_api, "RESOURCES", resources)
    with FakeApi(rights=None) as api:
        yield api


def asked(cluster: FakeApi, *settings: str) -> "subprocess.CompletedProcess[str]":
    command = [helm() or "helm", "template", "tradinglab", str(CHART), "--namespace", "lab"]
    command += ["--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", cluster.url]
    for setting in ("exchange.enabled=true", *settings):
        command += ["--set", setting]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_public_address_of_the_api_server_is_let_through(cluster: FakeApi) -> None:
    slices = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes"},
        "endpoints": [{"addresses": ["203.0.113.7"]}, {"addresses": ["2001:db8::7"]}],
    }
    cluster.put("endpointslices", slices)
    ended = asked(cluster)
    assert ended.returncode == 0, ended.stderr
    documents = [each for each in yaml.safe_load_all(ended.stdout) if each]
    for program in ("operator", "bot"):
        egress = one(documents, "NetworkPolicy", f"tradinglab-{program}")["spec"]["egress"]
        cidrs = {peer["ipBlock"]["cidr"] for r in egress for peer in r["to"] if "ipBlock" in peer}
        assert {"203.0.113.7/32", "2001:db8::7/128", "10.0.0.0/8"} <= cidrs
        assert "0.0.0.0/0" not in cidrs


def test_who_may_not_read_the_address_is_told_so_and_can_give_it(cluster: FakeApi) -> None:
    cluster.faults = [
        Fault(lambda call: call.plural == "endpointslices", status=403, times=9),
    ]
    refused = asked(cluster)
    assert refused.returncode != 0
    assert "EndpointSlice" in refused.stderr
    given = asked(cluster, "networkPolicy.apiServer.cidr=203.0.113.7/32")
    assert given.returncode == 0, given.stderr


def running_operator(release: str) -> Document:
    labels = {"part-of": "tradinglab", "component": "operator", "instance": release}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{release}-operator",
            "labels": {f"app.kubernetes.io/{key}": value for key, value in labels.items()},
        },
    }


def test_a_second_operator_in_one_namespace_is_refused_with_what_to_set(cluster: FakeApi) -> None:
    cluster.put("deployments", running_operator("first"))
    ended = asked(cluster)
    assert ended.returncode != 0
    assert "operator of release first serves namespace lab" in ended.stderr
    assert "operator.enabled=false" in ended.stderr
    assert asked(cluster, *BESIDE_ANOTHER).returncode == 0


def test_an_upgrade_of_the_release_itself_is_no_second_operator(cluster: FakeApi) -> None:
    cluster.put("deployments", running_operator("tradinglab"))
    ended = asked(cluster)
    assert "operator.enabled" not in ended.stderr
