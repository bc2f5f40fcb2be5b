"""The chart through its life: dry run, install, upgrade, rollback, uninstall, reinstall with data.

Run by `make e2e` or alone. The tests are the steps of one story, in order.
"""

import json
import re

import pytest
import yaml
from tests.cluster.kube import CHART, IMAGE_VALUES, ROOT, CommandFailed, Namespace, wait_for
from tests.cluster.step_times import say

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

MANIFEST = yaml.safe_load((ROOT / "manifests" / "demo.yaml").read_text())
SETTINGS = ("exchange.barsPerSecond=4", "storage.backups.enabled=true")
TOO_LITTLE = "trainer.resources.limits.memory=80Mi,trainer.resources.requests.memory=64Mi"
CLUSTER_WIDE = "priorityclasses,validatingadmissionpolicies,validatingadmissionpolicybindings"
BUDGETS_MEBIBYTES = {"operator": 90, "api": 110, "bot": 220}


@pytest.fixture(scope="module")
def lab(cluster, images):
    return Namespace(cluster, "life")


@pytest.fixture(scope="module")
def story():
    return {}


def released(lab, *arguments):
    return lab.cluster.helm(*arguments, "-n", lab.name)


def trainings(lab):
    names = [each["metadata"]["name"] for each in lab.items("jobs")]
    return sorted(name for name in names if name.startswith("demo-"))


def decisions(lab):
    ((count,),) = lab.ledger("SELECT count(*) FROM decisions")
    return count


def served(lab, seconds=300):
    """Waits until an artifact is rolled out completely; returns its digest."""

    def look():
        digest = lab.model().get("status", {}).get("current", {}).get("digest", "")
        told = lab.condition("Ready").get("status") == "True"
        return digest if digest and told and digest == lab.served_digest() else None

    return wait_for("an artifact served", seconds, look)


def same_artifact(lab, story):
    lab.rolled_out("tradinglab-api")
    assert lab.served_digest() == story["digest"]
    wait_for(
        "the API's answer with the artifact of before",
        20,
        lambda: lab.service("tradinglab-api", "/v1/model")["digest"] == story["digest"],
    )


def job_from(lab, cronjob, name, ends="Complete"):
    """What it printed; waits until it has ended as it should."""
    lab.kubectl("create", "job", f"--from=cronjob/{cronjob}", name)
    lab.kubectl("wait", f"job/{name}", f"--for=condition={ends}", "--timeout=90s")
    return lab.kubectl("logs", f"job/{name}").strip()


def test_api_server_accepts_every_document(lab):
    lab.create()
    files = ("-f", str(IMAGE_VALUES), "--set", "exchange.enabled=true,api.replicas=2")
    settings = [*files, "--set", ",".join(SETTINGS), "-n", lab.name]
    dry = ("install", "tradinglab", str(CHART), "--dry-run=server", "--take-ownership")
    lab.cluster.helm(*dry, *settings)
    rendered = lab.cluster.helm("template", "tradinglab", str(CHART), *settings)
    documents = [d for d in yaml.safe_load_all(rendered) if d]
    (job,) = [
        yaml.safe_load(d["data"]["job.yaml"]) for d in documents if "job.yaml" in d.get("data", {})
    ]
    job["metadata"]["name"] = "training"
    given = yaml.safe_dump_all([*documents, job]).encode()
    arguments = ("apply", "--dry-run=server", "--validate=strict", "-f", "-")
    taken = lab.kubectl(*arguments, given=given).splitlines()
    assert len(taken) == len(documents) + 1
    assert not [line for line in taken if "server dry run" not in line]
    say(f"{len(taken)} documents accepted by the API server")


def test_install_needs_no_more_than_the_restricted_profile(lab):
    lab.install(*SETTINGS, TOO_LITTLE)
    for deployment in ("tradinglab-operator", "tradinglab-exchange"):
        lab.rolled_out(deployment)


def test_helm_test_says_what_is_missing_before_the_first_artifact(lab):
    with pytest.raises(CommandFailed):
        released(lab, "test", "tradinglab")
    said = lab.kubectl("logs", "tradinglab-test")
    assert re.search(r"ok +http://tradinglab-operator:8080/healthz", said)
    assert re.search(r"UNWELL http://tradinglab-api:8080/readyz", said)


def test_trainer_killed_for_memory_is_explained(lab):
    lab.apply(MANIFEST)

    def look():
        said = [each["message"] for each in lab.model().get("status", {}).get("conditions", [])]
        return next((text for text in said if "80Mi" in text), None)

    say(wait_for("a condition that names the limit", 120, look))


def test_upgrade_with_more_memory_trains(lab, story):
    lab.install(*SETTINGS)
    lab.rolled_out("tradinglab-operator")
    patch = '{"spec": {"retryToken": "with more memory"}}'
    lab.kubectl("patch", "tradingmodel", "demo", "--type=merge", "-p", patch)
    story["digest"] = served(lab)
    wait_for("a decision", 60, lambda: decisions(lab) > 20)


def test_helm_test_passes_once_an_artifact_is_served(lab):
    released(lab, "test", "tradinglab", "--timeout", "3m")
    said = lab.kubectl("logs", "tradinglab-test")
    assert len(re.findall(r"^ok ", said, re.MULTILINE)) == 3


def test_pods_stay_within_their_memory(lab):
    for program, budget in BUDGETS_MEBIBYTES.items():
        pod = f"deployment/tradinglab-{program}"
        status = lab.kubectl("exec", pod, "--", "cat", "/proc/1/status")
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
        say(f"{program}: {peak:.0f} MiB at most, of {budget}")
        assert peak <= budget, f"{program} used {peak:.0f} MiB"


def test_ledger_is_copied_while_the_bot_trades_and_put_back(lab):
    say(job_from(lab, "tradinglab-backup", "copy-now"))
    copied = decisions(lab)
    wait_for("more decisions", 60, lambda: decisions(lab) > copied + 20)
    refused = job_from(lab, "tradinglab-restore", "too-early", ends="Failed")
    assert "scale the bot to 0" in refused
    lab.kubectl("scale", "deployment/tradinglab-bot", "--replicas=0")
    bots = "app.kubernetes.io/component=bot"
    lab.kubectl("wait", "pod", "-l", bots, "--for=delete", "--timeout=60s")
    say(job_from(lab, "tradinglab-restore", "put-back"))
    lab.kubectl("scale", "deployment/tradinglab-bot", "--replicas=1")
    lab.rolled_out("tradinglab-bot")
    wait_for("decisions again", 60, lambda: decisions(lab) > copied)


def test_upgrade_after_the_operator_patched_keeps_the_artifact(lab, story):
    generation = lab.get("deployment", "tradinglab-api")["metadata"]["generation"]
    lab.install(*SETTINGS, "operator.logLevel=DEBUG")
    lab.rolled_out("tradinglab-operator")
    assert lab.get("deployment", "tradinglab-api")["metadata"]["generation"] == generation
    lab.install(*SETTINGS, "api.threads=3")
    assert lab.get("deployment", "tradinglab-api")["metadata"]["generation"] > generation
    same_artifact(lab, story)


def test_rollback_keeps_the_artifact(lab, story):
    before = json.loads(released(lab, "history", "tradinglab", "-o", "json"))
    released(lab, "rollback", "tradinglab", "--wait", "--timeout", "3m")
    after = json.loads(released(lab, "history", "tradinglab", "-o", "json"))
    assert len(after) == len(before) + 1
    pod = lab.get("deployment", "tradinglab-api")["spec"]["template"]["spec"]
    threads = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert threads["TRADINGLAB_THREADS"] == "4"
    same_artifact(lab, story)
    assert lab.condition("Ready")["status"] == "True"


def test_uninstall_leaves_the_data_and_nothing_else(lab, story):
    story["trainings"] = trainings(lab)
    story["decisions"] = decisions(lab)
    story["uid"] = lab.model()["metadata"]["uid"]
    released(lab, "uninstall", "tradinglab", "--wait", "--timeout", "2m")
    ours = "app.kubernetes.io/instance=tradinglab"
    kinds = "deployments,services,serviceaccounts,roles,rolebindings,networkpolicies,cronjobs"
    assert not lab.kubectl("get", kinds, "-l", ours, "-o", "name").split()
    wide = lab.cluster.kubectl("get", CLUSTER_WIDE, "-l", ours, "-o", "name").split()
    assert not [name for name in wide if "life-" in name]
    claims = {each["metadata"]["name"] for each in lab.items("pvc")}
    assert claims == {f"tradinglab-{each}" for each in ("models", "ledger", "backups", "exchange")}
    assert lab.model()["metadata"]["uid"] == story["uid"]


def test_reinstall_serves_the_same_artifact_and_goes_on_with_the_ledger(lab, story):
    lab.install(*SETTINGS)
    assert served(lab, seconds=120) == story["digest"]
    same_artifact(lab, story)
    assert trainings(lab) == story["trainings"]
    lab.rolled_out("tradinglab-bot")
    assert decisions(lab) >= story["decisions"]


def test_everything_can_be_removed(lab):
    lab.kubectl("delete", "tradingmodel", "demo", "--timeout=60s")
    released(lab, "uninstall", "tradinglab", "--wait", "--timeout", "2m")
    lab.kubectl("delete", "pvc", "--all", "--timeout=60s")
    lab.cluster.kubectl("delete", "namespace", lab.name, "--timeout=90s")
