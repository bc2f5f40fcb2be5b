"""What the service accounts of a release may do: RBAC, and what admission refuses beyond it.

Run by `make e2e` or alone; needs no image and no artifact: nothing has to start.
"""

import copy
import json

import pytest
import yaml
from tests.charts.accounts import documented, granted
from tests.cluster.kube import CHART, CommandFailed, Namespace, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

MODEL = {
    "apiVersion": "tradinglab.dev/v1alpha1",
    "kind": "TradingModel",
    "metadata": {"name": "demo"},
    "spec": {"market": {"symbol": "BTC/USDT"}, "schedule": {"suspend": True}},
}
DIGEST = "tradinglab.dev/artifact-digest"
REQUEST = "tradinglab.dev/training-requested"


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Namespace(cluster, "rights")
    lab.create()
    settings = "exchange.enabled=true,model.name=demo"
    # no pods: the operator would act by itself
    cluster.helm(
        *("install", "tradinglab", str(CHART), "-n", "rights", "--take-ownership"),
        *("--set", settings),
    )
    for deployment in ("operator", "api", "bot", "exchange"):
        lab.kubectl("scale", f"deployment/tradinglab-{deployment}", "--replicas=0")
    lab.apply(MODEL)
    lab.kubectl("create", "secret", "generic", "account", "--from-literal=key=marker")
    yield lab
    cluster.helm("uninstall", "tradinglab", "-n", "rights", "--wait")
    cluster.kubectl("delete", "namespace", "rights", "--timeout=90s")


def account(lab, name):
    return f"--as=system:serviceaccount:{lab.name}:tradinglab-{name}"


def job(lab):
    """As the operator would make it from the chart's template."""
    made = yaml.safe_load(lab.get("configmap", "tradinglab-job")["data"]["job.yaml"])
    made["metadata"] |= {"name": "training", "namespace": lab.name}
    return made


def rights(lab, name):
    """What the API server answers that an account may do in the namespace."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    review["spec"] = {"namespace": lab.name}
    # what is validated on the client needs rights that these accounts lack
    arguments = ("create", "--validate=false", "-f", "-", "-o", "json", account(lab, name))
    answer = json.loads(lab.kubectl(*arguments, given=json.dumps(review).encode()))
    return granted(answer["status"]["resourceRules"])


@pytest.mark.parametrize("name", ["operator", "bot"])
def test_account_may_do_what_the_documentation_lists_and_nothing_else(lab, name):
    of_every_account = rights(lab, "nobody")
    assert rights(lab, name) - of_every_account == documented(name)


@pytest.mark.parametrize("name", ["operator", "bot", "api"])
@pytest.mark.parametrize("verb", ["get", "list", "watch"])
def test_no_account_can_read_secrets(lab, name, verb):
    arguments = ("auth", "can-i", verb, "secrets", account(lab, name))
    with pytest.raises(CommandFailed, match=r"→ 1: no"):
        lab.kubectl(*arguments)


def test_the_job_of_the_chart_is_let_through(lab):
    lab.kubectl(
        *("create", "--dry-run=server", "-f", "-", account(lab, "operator")),
        given=yaml.safe_dump(job(lab)).encode(),
    )


def with_volume(pod, source):
    pod["volumes"].append({"name": "more", **source})


def with_variable(pod, value):
    pod["containers"][0]["env"].append({"name": "MORE", "valueFrom": value})


def in_an_init_container(pod):
    first = copy.deepcopy(pod["containers"][0])
    first["name"] = "first"
    pod["initContainers"] = [first]
    first["envFrom"] = [{"secretRef": {"name": "account"}}]


PROJECTED = {"projected": {"sources": [{"secret": {"name": "account"}}]}}
TOKEN = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
ATTEMPTS = {
    "a Secret as a volume": lambda p: with_volume(p, {"secret": {"secretName": "account"}}),
    "a Secret in a projected volume": lambda p: with_volume(p, PROJECTED),
    "a token in a projected volume": lambda p: with_volume(p, TOKEN),
    "a ConfigMap": lambda p: with_volume(p, {"configMap": {"name": "tradinglab-job"}}),
    "a path of the node": lambda p: with_volume(p, {"hostPath": {"path": "/"}}),
    "the ledger": lambda p: with_volume(
        p, {"persistentVolumeClaim": {"claimName": "tradinglab-ledger"}}
    ),
    "a variable from a Secret": lambda p: with_variable(
        p, {"secretKeyRef": {"name": "account", "key": "key"}}
    ),
    "variables from a Secret in an init container": in_an_init_container,
    "all variables of a Secret": lambda p: p["containers"][0].update(
        envFrom=[{"secretRef": {"name": "account"}}]
    ),
    "the operator's service account": lambda p: p.update(serviceAccountName="tradinglab-operator"),
    "a token": lambda p: p.update(automountServiceAccountToken=True),
    "the node's network": lambda p: p.update(hostNetwork=True),
    "a registry's Secret": lambda p: p.update(imagePullSecrets=[{"name": "account"}]),
}


@pytest.mark.parametrize("attempt", sorted(ATTEMPTS))
def test_a_job_of_the_operator_cannot_get(lab, attempt):
    made = job(lab)
    ATTEMPTS[attempt](made["spec"]["template"]["spec"])
    arguments = ("create", "--dry-run=server", "-f", "-", account(lab, "operator"))
    with pytest.raises(CommandFailed, match="rights-tradinglab-operator-jobs"):
        lab.kubectl(*arguments, given=yaml.safe_dump(made).encode())


def test_a_job_without_the_labels_of_the_network_policies_is_refused(lab):
    made = job(lab)
    made["spec"]["template"]["metadata"]["labels"] = {"app": "free"}
    arguments = ("create", "--dry-run=server", "-f", "-", account(lab, "operator"))
    with pytest.raises(CommandFailed, match="network policies"):
        lab.kubectl(*arguments, given=yaml.safe_dump(made).encode())


def test_others_may_still_make_such_jobs(lab):
    made = job(lab)
    with_volume(made["spec"]["template"]["spec"], {"secret": {"secretName": "account"}})
    lab.kubectl("create", "--dry-run=server", "-f", "-", given=yaml.safe_dump(made).encode())


def patched(lab, name, kind, target, body):
    arguments = ("patch", kind, target, "--type=merge", "--dry-run=server", account(lab, name))
    return lab.kubectl(*arguments, "-p", json.dumps(body))


def test_the_operator_changes_the_digest_of_a_deployment(lab):
    applied = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "tradinglab-api"},
        "spec": {"template": {"metadata": {"annotations": {DIGEST: "sha256:" + "0" * 64}}}},
    }
    arguments = ("apply", "--server-side", "--field-manager=tradinglab-operator", "-f", "-")
    given = yaml.safe_dump(applied).encode()
    lab.kubectl(*arguments, account(lab, "operator"), given=given)
    assert lab.served_digest() == "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"replicas": 3}},
        {"spec": {"paused": True}},
        {"metadata": {"labels": {"more": "1"}}},
        {"metadata": {"finalizers": ["example.com/never"]}},
        {"spec": {"template": {"metadata": {"annotations": {"more": "1"}}}}},
        {"spec": {"template": {"spec": {"serviceAccountName": "tradinglab-operator"}}}},
        {"spec": {"template": {"spec": {"hostNetwork": True}}}},
    ],
    ids=lambda body: json.dumps(body),
)
def test_the_operator_changes_nothing_else_of_a_deployment(lab, body):
    """By server-side apply, as it does it: `kubectl patch` would read first, which it may not."""
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", **body}
    applied["metadata"] = {"name": "tradinglab-bot", **body.get("metadata", {})}
    arguments = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    with pytest.raises(CommandFailed, match="rights-tradinglab-operator-deployments"):
        lab.kubectl(*arguments, account(lab, "operator"), given=yaml.safe_dump(applied).encode())


def test_the_bot_asks_for_a_training(lab):
    patched(lab, "bot", "tradingmodel", "demo", {"metadata": {"annotations": {REQUEST: "x"}}})


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"retryToken": "now"}},
        {"spec": {"training": {"epochs": 1}}},
        {"metadata": {"annotations": {"more": "1"}}},
        {"metadata": {"labels": {"more": "1"}}},
        {"metadata": {"finalizers": ["example.com/never"]}},
    ],
    ids=lambda body: json.dumps(body),
)
def test_the_bot_changes_nothing_else_of_its_model(lab, body):
    with pytest.raises(CommandFailed, match="rights-tradinglab-bot-models"):
        patched(lab, "bot", "tradingmodel", "demo", body)


def test_no_policy_names_a_field_that_does_not_exist(lab):
    def checked():
        wide = json.loads(lab.cluster.kubectl("get", "validatingadmissionpolicies", "-o", "json"))
        found = {
            each["metadata"]["name"]: each["status"].get("typeChecking", {})
            for each in wide["items"]
            if each.get("status", {}).get("observedGeneration")
        }
        return {name: found[name] for name in found if name.startswith("rights-")}

    types = wait_for("three checked policies", 30, lambda: len(checked()) == 3 and checked())
    assert not [each["expressionWarnings"] for each in types.values() if each]
