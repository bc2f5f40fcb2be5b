"""The admission policies as rendered; the cluster tests show them at work."""

import pytest
from tests.charts.rendering import helm, one, render

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

SIMULATED = "exchange.enabled=true"
POLICY = "ValidatingAdmissionPolicy"
NAMES = ("operator-jobs", "operator-deployments", "bot-models")


def names(documents):
    return {d["metadata"]["name"] for d in documents if d["kind"] == POLICY}


def test_each_binds_one_account_in_one_namespace_and_denies():
    documents = render(SIMULATED)
    assert names(documents) == {f"lab-tradinglab-{each}" for each in NAMES}
    for name in names(documents):
        spec = one(documents, POLICY, name)["spec"]
        account = "operator" if "operator" in name else "bot"
        (condition,) = spec["matchConditions"]
        assert f'"system:serviceaccount:lab:tradinglab-{account}"' in condition["expression"]
        assert spec["failurePolicy"] == "Fail"
        binding = one(documents, f"{POLICY}Binding", name)["spec"]
        assert binding["policyName"] == name
        assert binding["validationActions"] == ["Deny"]
        selector = binding["matchResources"]["namespaceSelector"]
        assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}


def test_the_claim_of_the_release_is_the_one_that_jobs_may_mount():
    documents = render(SIMULATED, "storage.models.existingClaim=nas-models")
    spec = one(documents, POLICY, "lab-tradinglab-operator-jobs")["spec"]
    assert 'claimName == "nas-models"' in spec["validations"][0]["expression"]


def test_a_bot_that_may_not_ask_needs_none():
    documents = render(SIMULATED, "bot.requestTrainings=false")
    assert "lab-tradinglab-bot-models" not in names(documents)


def test_without_the_value_there_are_none():
    assert names(render(SIMULATED, "admissionPolicies.enabled=false")) == set()


def test_a_kubernetes_that_lacks_them_gets_none():
    assert names(render(SIMULATED, older="1.29.0")) == set()
