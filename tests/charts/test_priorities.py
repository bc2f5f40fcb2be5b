"""Trading before training, within the memory of a box of 4 GB."""

import re

import pytest
from tests.charts.rendering import helm, one, pods_of, render

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

SIMULATED = "exchange.enabled=true"
MEBIBYTES = {"Mi": 1, "Gi": 1024}
# the kubelet, the control plane and the system of a k3s box
SYSTEM_MEBIBYTES = 900
BOX_MEBIBYTES = 4096


@pytest.fixture(scope="module")
def pods():
    return pods_of(render(SIMULATED))


def mebibytes(pod, kind):
    amount = pod["spec"]["containers"][0]["resources"][kind]["memory"]
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", amount).groups()
    return int(number) * MEBIBYTES[unit]


def cpu(pod):
    return int(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"].removesuffix("m"))


def test_all_limits_together_fit_a_box_of_4_gb(pods):
    limits = {name: mebibytes(pod, "limits") for name, pod in pods.items()}
    assert sum(limits.values()) + SYSTEM_MEBIBYTES <= BOX_MEBIBYTES + limits["exchange"]


def test_training_has_the_least_weight_where_the_processor_is_short(pods):
    shares = {name: cpu(pod) for name, pod in pods.items()}
    assert shares["bot"] >= 5 * shares["trainer"]
    assert shares["api"] >= 5 * shares["trainer"]
    assert min(shares, key=shares.get) == "trainer"


def test_the_kernel_ends_the_trainer_first_when_the_node_runs_out(pods):
    """oom_score_adj of a burstable pod is 1000 - 1000 * request / capacity; used memory adds."""
    used = {"operator": 90, "trainer": 1100, "api": 110, "bot": 220}

    def score(name):
        requested = mebibytes(pods[name], "requests")
        return 1000 - 1000 * requested / BOX_MEBIBYTES + 1000 * used[name] / BOX_MEBIBYTES

    assert max(used, key=score) == "trainer"
    assert score("trainer") > 1.1 * max(score(name) for name in used if name != "trainer")


def test_trading_outranks_training(pods):
    documents = render(SIMULATED)
    trading = one(documents, "PriorityClass", "lab-tradinglab-trading")
    training = one(documents, "PriorityClass", "lab-tradinglab-training")
    assert trading["value"] > 0 > training["value"]
    assert training["preemptionPolicy"] == "Never"
    for name, pod in pods.items():
        kind = "training" if name == "trainer" else "trading"
        assert pod["spec"]["priorityClassName"] == f"lab-tradinglab-{kind}"


def test_a_class_of_the_cluster_may_be_used_instead():
    pods = pods_of(render(SIMULATED, "bot.priorityClassName=high"))
    assert pods["bot"]["spec"]["priorityClassName"] == "high"
    documents = render(SIMULATED, "priorityClasses.create=false")
    assert not [d for d in documents if d["kind"] == "PriorityClass"]
    assert "priorityClassName" not in pods_of(documents)["bot"]["spec"]


def test_one_more_api_pod_brings_a_disruption_budget():
    assert not [d for d in render(SIMULATED) if d["kind"] == "PodDisruptionBudget"]
    budget = one(render(SIMULATED, "api.replicas=2"), "PodDisruptionBudget", "tradinglab-api")
    assert budget["spec"]["minAvailable"] == 1
