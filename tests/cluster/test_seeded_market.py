"""The whole loop on a real cluster, from nothing, on the simulator's seeded market.

Run by `make e2e`. The tests are the steps of one story, in order; it stops at the first failure.
"""

import re
import time

import pytest
import yaml
from tests.cluster.kube import ROOT, CommandFailed, Namespace, wait_for
from tests.cluster.stand_in import CHAT, NAME, PORT, telegram_documents
from tests.cluster.step_times import say
from tests.operator.bad_models import AT_APPLY, changed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

BAR_MS = 3_600_000
MANIFEST = yaml.safe_load((ROOT / "manifests" / "demo.yaml").read_text())
SETTINGS = (
    "exchange.barsPerSecond=4",
    f"telegram.existingSecret={NAME}",
    f"telegram.url=http://{NAME}:{PORT}",
)


@pytest.fixture(scope="module")
def lab(cluster, images):
    return Namespace(cluster, "lab")


@pytest.fixture(scope="module")
def story():
    """What later steps need of earlier ones: the two digests."""
    return {}


def ready_with(lab, digest=None, other_than=None, seconds=300):
    """Waits until an artifact is current, served and complete; returns its digest."""

    def look():
        status = lab.model().get("status", {})
        current = status.get("current", {}).get("digest", "")
        complete = {c["type"]: c["status"] for c in status.get("conditions", [])}
        told = complete.get("Ready") == complete.get("RolledOut") == "True"
        fits = current != other_than and (digest is None or current == digest)
        return current if told and fits and current == lab.served_digest() else None

    return wait_for(f"artifact {digest or 'other than ' + str(other_than)} served", seconds, look)


def conditions(lab):
    return lab.model()["status"]["conditions"]


def api_answers_with(lab, digest):
    """The Service may reach an ending pod for a moment after the new one is Ready."""
    wait_for(
        f"the API's answer with {digest}",
        10,
        lambda: lab.service("tradinglab-api", "/v1/model")["digest"] == digest,
    )


def test_chart_installs_where_the_restricted_profile_is_enforced(lab):
    lab.create()
    lab.apply(*telegram_documents())
    lab.install(*SETTINGS)
    for deployment in (NAME, "tradinglab-operator", "tradinglab-exchange"):
        lab.rolled_out(deployment)
    # without an artifact there is nothing to serve, and it says so
    assert not lab.get("deployment", "tradinglab-api")["status"].get("readyReplicas")


@pytest.mark.parametrize(("change", "named"), AT_APPLY, ids=str)
def test_invalid_model_is_refused_naming_the_field(lab, change, named):
    with pytest.raises(CommandFailed) as refused:
        lab.apply({**MANIFEST, "spec": changed(MANIFEST["spec"], change)})
    assert named in str(refused.value)
    assert not lab.items("tradingmodels")


def test_job_exists_within_two_seconds_of_apply(lab):
    begun = time.monotonic()
    lab.apply(MANIFEST)
    applied = time.monotonic() - begun
    wait_for("the training Job", 20, lambda: lab.items("jobs"), every=0.05)
    seconds = time.monotonic() - begun
    say(f"apply → Job: {seconds:.2f} s, of which kubectl apply {applied:.2f} s")
    assert seconds < 2


def test_first_artifact_is_trained_and_rolled_out(lab, story):
    story["first"] = ready_with(lab)
    api_answers_with(lab, story["first"])
    current = lab.model()["status"]["current"]
    say(f"{current['version']}: {current['verdict']}, {current['verdictReason']}")
    manifest = f"/models/lab/demo/runs/{current['version']}/manifest.json"
    assert lab.kubectl("exec", "deployment/tradinglab-operator", "--", "cat", manifest)
    settled = {"Ready", "Scheduled", "ArtifactValid", "RolledOut"}
    # the artifact is seen on the volume a moment before its Job ends
    wait_for(
        f"the conditions {settled} and no others",
        15,
        lambda: {c["type"] for c in conditions(lab) if c["status"] == "True"} == settled,
    )
    assert len(conditions(lab)) == 6
    assert all(c["reason"] for c in conditions(lab))


def test_every_bar_has_a_decision_and_orders_are_filled(lab, story):
    def look():
        ((bars, fills),) = lab.ledger(
            "SELECT (SELECT count(*) FROM decisions), "
            "(SELECT count(*) FROM fills WHERE client_id IS NOT NULL)"
        )
        return bars >= 120 and fills >= 2

    wait_for("120 decisions and 2 fills", 180, look, every=3)
    rows = lab.ledger(
        "SELECT bar_open_time, reason, explanation, forecast IS NOT NULL, digest "
        "FROM decisions ORDER BY bar_open_time"
    )
    times = [row[0] for row in rows]
    assert times == list(range(times[0], times[0] + len(times) * BAR_MS, BAR_MS))
    assert all(reason and explanation for _, reason, explanation, _, _ in rows)
    assert {row[4] for row in rows if row[3]} == {story["first"]}
    without = sum(not row[3] for row in rows)
    ((orders, fills),) = lab.ledger(
        "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM fills)"
    )
    say(f"{len(rows)} decisions, {without} without a forecast; {orders} orders, {fills} fills")
    assert without == 0
    assert orders >= fills / 2


def test_alerts_reach_telegram(lab):
    messages = wait_for("an alert about an order", 60, lambda: lab.service(NAME, "/received"))
    assert {message["chat_id"] for message in messages} == {CHAT}
    assert any(re.search(r"(?i)bought|buy|sold|filled", each["text"]) for each in messages)
    ((sent,),) = lab.ledger("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL")
    say(f"{len(messages)} alerts received, {sent} marked as sent; first: {messages[0]['text']!r}")


def test_changed_retry_token_trains_and_rolls_a_second_artifact(lab, story):
    patch = '{"spec": {"retryToken": "again"}}'
    lab.kubectl("patch", "tradingmodel", "demo", "--type=merge", "-p", patch)
    story["second"] = ready_with(lab, other_than=story["first"])
    api_answers_with(lab, story["second"])
    status = lab.model()["status"]
    assert status["previous"]["digest"] == story["first"]
    assert len(lab.items("jobs")) == 2
    say(f"{status['current']['version']}: {status['current']['comparison']}")
    wait_for(
        "decisions on the second artifact",
        60,
        lambda: lab.ledger(f"SELECT 1 FROM decisions WHERE digest = '{story['second']}' LIMIT 1"),
    )


def test_rollout_undo_serves_the_first_artifact_again_and_is_respected(lab, story):
    lab.kubectl("rollout", "undo", "deployment/tradinglab-api")
    ready_with(lab, digest=story["first"], seconds=120)
    api_answers_with(lab, story["first"])
    assert lab.condition("RolledOut")["reason"] == "PinnedByRollback"
    before = lab.model()["metadata"]["resourceVersion"]
    time.sleep(15)  # three visits of the operator
    assert lab.served_digest() == story["first"]
    assert lab.model()["metadata"]["resourceVersion"] == before


def test_no_decision_lacked_a_forecast_while_artifacts_rolled(lab, story):
    ((bars, without),) = lab.ledger("SELECT count(*), sum(forecast IS NULL) FROM decisions")
    digests = [
        row[0]
        for row in lab.ledger(
            "SELECT digest FROM decisions WHERE forecast IS NOT NULL GROUP BY digest"
        )
    ]
    say(f"{bars} decisions, {without} without a forecast, {len(digests)} artifacts")
    assert set(digests) == {story["first"], story["second"]}
    assert without == 0


def test_upgrade_leaves_the_digest_to_the_operator(lab, story):
    before = lab.get("deployment", "tradinglab-api")["metadata"]["generation"]
    lab.install(*SETTINGS, "operator.tickSeconds=4")
    lab.rolled_out("tradinglab-operator")
    assert lab.get("deployment", "tradinglab-api")["metadata"]["generation"] == before
    assert lab.served_digest() == story["first"]


def test_uninstall_ends_clean(lab):
    lab.kubectl("delete", "tradingmodel", "demo", "--timeout=60s")
    wait_for("the Jobs' end", 60, lambda: not lab.items("jobs"))
    lab.cluster.helm("uninstall", "tradinglab", "-n", lab.name, "--wait", "--timeout", "2m")
    ours = "app.kubernetes.io/part-of=tradinglab"
    kinds = "deployments,replicasets,jobs,pods,services,configmaps,secrets,serviceaccounts,roles"

    def leftovers():
        names = lab.kubectl("get", kinds, "-l", ours, "-o", "name").split()
        claims = [each["metadata"]["name"] for each in lab.items("pvc")]
        kept = ["tradinglab-exchange", "tradinglab-ledger", "tradinglab-models"]
        return not names and sorted(claims) == kept

    wait_for("nothing but the kept claims", 60, leftovers)
    lab.cluster.kubectl("delete", "namespace", lab.name, "--timeout=90s")
