"""Training Jobs: what is made of the template, and what is read from a Job and its pods."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradinglab.errors import ConfigurationError
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.kube.jobs import job_manifest, load_template, run_of
from tradinglab_operator.situation import Model, RunPhase
from tradinglab_operator.volume import Progress

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {labels: {app.kubernetes.io/component: trainer}}
spec:
  backoffLimit: 4
  template:
    metadata: {labels: {app.kubernetes.io/component: trainer}}
    spec:
      securityContext: {runAsNonRoot: true}
      containers:
        - name: sidecar
          image: sidecar:1
        - name: trainer
          image: trainer:1
          env: [{name: TRADINGLAB_VOLUME, value: /volume}, {name: TRADINGLAB_JOB, value: x}]
          resources: {limits: {memory: 2Gi, cpu: "2"}}
"""
SPEC = TradingModelSpec.model_validate(
    {
        "market": {"symbol": "BTC/USDT"},
        "training": {"deadlineSeconds": 900, "resources": {"limits": {"memory": "3Gi"}}},
    }
)
MODEL = Model("lab", "btc", "uid-1", 3, datetime(2024, 1, 1, tzinfo=UTC), SPEC)


def made() -> dict[str, Any]:
    return job_manifest(yaml.safe_load(TEMPLATE), MODEL, SPEC, "btc-28404000", "sha256:1")


def test_the_job_belongs_to_the_model_and_is_found_by_its_label() -> None:
    job = made()
    assert job["metadata"]["name"] == "btc-28404000"
    assert job["metadata"]["namespace"] == "lab"
    assert job["metadata"]["ownerReferences"][0] == {
        "apiVersion": "tradinglab.dev/v1alpha1",
        "kind": "TradingModel",
        "name": "btc",
        "uid": "uid-1",
        "controller": True,
        "blockOwnerDeletion": False,
    }
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert metadata["labels"] == {
            "app.kubernetes.io/component": "trainer",
            "tradinglab.dev/model": "btc",
        }


def test_the_run_is_bounded_and_not_repeated_by_the_job_itself() -> None:
    spec = made()["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 900)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["template"]["spec"]["securityContext"] == {"runAsNonRoot": True}


def test_only_the_trainer_is_told_what_to_train() -> None:
    sidecar, trainer = made()["spec"]["template"]["spec"]["containers"]
    assert "env" not in sidecar
    values = {each["name"]: each["value"] for each in trainer["env"]}
    assert len(values) == len(trainer["env"])
    assert values["TRADINGLAB_VOLUME"] == "/volume"
    assert values["TRADINGLAB_MODEL"] == "lab/btc"
    assert values["TRADINGLAB_JOB"] == "btc-28404000"
    assert values["TRADINGLAB_CHAMPION"] == "sha256:1"
    assert TradingModelSpec.model_validate_json(values["TRADINGLAB_SPEC"]) == SPEC
    assert trainer["resources"] == {"limits": {"memory": "3Gi", "cpu": "2"}}


def test_the_template_itself_is_not_changed() -> None:
    template = yaml.safe_load(TEMPLATE)
    job_manifest(template, MODEL, SPEC, "a", "")
    assert template == yaml.safe_load(TEMPLATE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: CronJob", "is of kind 'CronJob', expected Job"),
        (TEMPLATE.replace("name: trainer\n", "name: main\n"), "expected one named trainer"),
        ("[", "cannot be read"),
        ("", "is of kind None"),
    ],
)
def test_a_wrong_template_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        load_template(path)


def job(**status: Any) -> dict[str, Any]:
    document = made()
    document["metadata"]["creationTimestamp"] = "2024-01-07T03:00:00Z"
    return {**document, "status": status}


def failed(reason: str = "BackoffLimitExceeded") -> dict[str, Any]:
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": reason,
        "message": "Job has reached the specified backoff limit",
        "lastTransitionTime": "2024-01-07T03:05:00Z",
    }
    return job(conditions=[condition])


def pod(terminated: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    containers = [{"name": "trainer", "state": {"terminated": terminated}}] if terminated else []
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": containers, **status}}


def test_a_running_job_shows_what_its_trainer_told() -> None:
    run = run_of(job(active=1), [], Progress("folds", 41.5, "fold 1/3"))
    assert (run.phase, run.stage, run.percent) == (RunPhase.ACTIVE, "folds", 41.5)


def test_a_job_that_cannot_start_says_what_it_waits_for() -> None:
    waiting = {"name": "trainer", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    run = run_of(job(active=1), [pod() | {"status": {"containerStatuses": [waiting]}}], Progress())
    assert (run.stage, run.detail) == ("starting", "ImagePullBackOff")
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    run = run_of(job(active=1), [pod(conditions=[unschedulable])], Progress())
    assert run.detail == "Unschedulable"


def test_a_complete_job_ended_when_it_says() -> None:
    done = [{"type": "Complete", "status": "True", "lastTransitionTime": "2024-01-07T03:10:01Z"}]
    run = run_of(job(conditions=done, completionTime="2024-01-07T03:10:00Z"), [], Progress())
    assert run.phase is RunPhase.SUCCEEDED
    assert run.finished_at == datetime(2024, 1, 7, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "pods", "reason", "words"),
    [
        (
            failed(),
            [pod({"exitCode": 2, "message": '{"reason": "DataError", "message": "bar 5"}'})],
            "DataError",
            "bar 5",
        ),
        (
            failed(),
            [pod({"exitCode": 137, "reason": "OOMKilled"})],
            "OOMKilled",
            "than it may (3Gi)",
        ),
        (failed("DeadlineExceeded"), [], "DeadlineExceeded", "deadlineSeconds (900 s)"),
        (
            failed(),
            [pod(reason="Evicted", message="The node was low on resource: memory.")],
            "Evicted",
            "low on resource",
        ),
        (failed(), [pod({"exitCode": 70, "message": "no JSON"})], "TrainerFailed", "status 70"),
        (failed(), [pod({"exitCode": 137})], "Killed", "signal 9"),
        (failed(), [], "PodGone", "backoff limit"),
        (
            failed(),
            [pod(reason="OutOfephemeral-storage", message="Node didn't have enough resource")],
            "OutOfephemeralStorage",
            "enough resource",
        ),
        (
            failed(),
            [pod(reason="OutOfexample.com/gpu")],
            "OutOfexampleComGpu",
            "its pod ended: OutOfexample.com/gpu",
        ),
        (
            failed(),
            [pod({"exitCode": 1, "message": '{"reason": "1é", "message": "x"}'})],
            "TrainerFailed",
            "status 1",
        ),
    ],
)
def test_why_a_job_failed_is_told_in_words(
    document: dict[str, Any], pods: list[Any], reason: str, words: str
) -> None:
    run = run_of(document, pods, Progress())
    assert run.phase is RunPhase.FAILED
    assert run.reason == reason
    assert words in run.message
