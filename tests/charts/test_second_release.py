"""A release without an operator of its own: API and bot of another model, on a shared claim."""

import pytest
import yaml
from tests.charts.rendering import BESIDE_ANOTHER, environment, helm, one, render, template

from tradinglab_operator.kube.rivals import INSTANCE, OPERATOR

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

LIVE = ("bot.existingSecret=account", "bot.live.enabled=true", "model.name=eth-usdt")


@pytest.fixture(scope="module")
def documents():
    return render(*LIVE, *BESIDE_ANOTHER)


def test_it_brings_nothing_of_an_operator(documents):
    components = {
        d["metadata"]["labels"]["app.kubernetes.io/component"]
        for d in documents
        if d["kind"] not in ("PriorityClass", "PersistentVolume")
    }
    assert not components & {"operator", "trainer", "models"}
    assert "operator-" not in yaml.safe_dump_all(documents)
    assert not [d for d in documents if d["kind"] == "CustomResourceDefinition"]


def test_its_api_serves_its_model_from_the_shared_claim(documents):
    pod = one(documents, "Deployment", "tradinglab-api")["spec"]["template"]
    assert environment(pod)["TRADINGLAB_MODEL"]["value"] == "lab/eth-usdt"
    (models,) = [each for each in pod["spec"]["volumes"] if each["name"] == "models"]
    assert models["persistentVolumeClaim"]["claimName"] == "first-models"
    claims = {d["metadata"]["name"] for d in documents if d["kind"] == "PersistentVolumeClaim"}
    assert claims == {"tradinglab-ledger"}


def test_helm_test_asks_its_own_programs_only(documents):
    pod = one(documents, "Pod", "tradinglab-test")["spec"]
    assert [each.rpartition("//")[2] for each in pod["containers"][0]["args"]] == [
        "tradinglab-api:8080/readyz",
        "tradinglab-bot:8080/readyz",
    ]


def test_without_a_shared_claim_it_is_refused():
    ended = template(*LIVE, "operator.enabled=false", "crds.install=false")
    assert ended.returncode != 0
    assert "storage.models.existingClaim" in ended.stderr


def test_an_operator_knows_its_release_by_the_label_that_it_is_told_apart_by():
    deployment = one(render("exchange.enabled=true"), "Deployment", "tradinglab-operator")
    variables = environment(deployment["spec"]["template"])
    labels = deployment["metadata"]["labels"]
    assert variables["TRADINGLAB_RELEASE"]["value"] == labels[INSTANCE]
    assert OPERATOR.items() <= labels.items()
