"""Training Jobs: made from the chart's template, read back as runs.

Used by the Kubernetes adapter. Pure: documents in, documents and runs out.
"""

import copy
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tradinglab.errors import ConfigurationError
from tradinglab.resource.rules import API_VERSION, GROUP, KIND
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.failures import (
    Failure,
    deadline_exceeded,
    ended_with,
    out_of_memory,
    reason_word,
    told_by_trainer,
)
from tradinglab_operator.situation import Model, Run, RunPhase
from tradinglab_operator.volume import Progress

Document = dict[str, Any]
MODEL_LABEL = f"{GROUP}/model"
TRAINER = "trainer"
KEPT_SECONDS = 7 * 86_400


def load_template(path: Path) -> Document:
    """The complete batch/v1 Job that the chart rendered.

    Raises ConfigurationError that says what is missing.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"Job template {path} cannot be read: {error}") from None
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind != "Job":
        raise ConfigurationError(f"Job template {path} is of kind {kind!r}, expected Job")
    names = [each.get("name") for each in _containers(document)]
    if TRAINER not in names:
        raise ConfigurationError(
            f"Job template {path} has the containers {names}, expected one named {TRAINER}"
        )
    return dict(document)


def _containers(job: Document) -> list[Document]:
    template = (job.get("spec") or {}).get("template") or {}
    return list((template.get("spec") or {}).get("containers") or [])


def owner_reference(model: Model) -> Document:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": model.name,
        "uid": model.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def job_manifest(
    template: Document, model: Model, spec: TradingModelSpec, name: str, champion: str
) -> Document:
    """The Job of one run; everything that the spec does not decide is the template's."""
    job = copy.deepcopy(template)
    labels = {MODEL_LABEL: model.name}
    job["metadata"] = {
        **(job.get("metadata") or {}),
        "name": name,
        "namespace": model.namespace,
        "ownerReferences": [owner_reference(model)],
    }
    pod = job["spec"]["template"]
    for metadata in (job["metadata"], pod.setdefault("metadata", {})):
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    job["spec"]["backoffLimit"] = 0
    job["spec"]["activeDeadlineSeconds"] = spec.training.deadline_seconds
    job["spec"].setdefault("ttlSecondsAfterFinished", KEPT_SECONDS)
    pod["spec"]["restartPolicy"] = "Never"
    given = {
        "TRADINGLAB_MODEL": model.key,
        "TRADINGLAB_SPEC": spec.model_dump_json(by_alias=True, exclude_none=True),
        "TRADINGLAB_JOB": name,
        "TRADINGLAB_CHAMPION": champion,
    }
    for container in _containers(job):
        if container.get("name") == TRAINER:
            kept = [each for each in container.get("env") or [] if each["name"] not in given]
            container["env"] = kept + [
                {"name": variable, "value": value} for variable, value in given.items()
            ]
            _set_resources(container, spec)
    return job


def _set_resources(container: Document, spec: TradingModelSpec) -> None:
    wanted = spec.training.resources.model_dump(by_alias=True, exclude_none=True)
    resources = container.setdefault("resources", {})
    for kind, amounts in wanted.items():
        if amounts:
            resources[kind] = {**(resources.get(kind) or {}), **amounts}


def is_owned_by(document: Document, uid: str) -> bool:
    owners = (document.get("metadata") or {}).get("ownerReferences") or []
    return any(owner.get("uid") == uid for owner in owners)


def is_leaving(document: Document) -> bool:
    """It is being deleted; a finalizer may keep it, and its name, for long."""
    return bool((document.get("metadata") or {}).get("deletionTimestamp"))


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def run_of(job: Document, pods: Sequence[Document], progress: Progress) -> Run:
    """`pods` are the Job's own; `progress` what its trainer last told."""
    metadata, status = job["metadata"], job.get("status") or {}
    created = instant(metadata["creationTimestamp"]) or datetime.now(UTC)
    true = {
        each["type"]: each for each in status.get("conditions") or [] if each["status"] == "True"
    }
    if "Complete" in true:
        ended = instant(status.get("completionTime")) or instant(
            true["Complete"].get("lastTransitionTime")
        )
        return Run(metadata["name"], RunPhase.SUCCEEDED, created, ended or created)
    if "Failed" in true:
        failure = _failure(job, true["Failed"], pods)
        ended = instant(true["Failed"].get("lastTransitionTime"))
        return Run(
            metadata["name"],
            RunPhase.FAILED,
            created,
            ended or created,
            failure.reason,
            failure.message,
        )
    if not progress.stage:
        progress = Progress("starting", 0.0, _why_not_started(pods))
    return Run(
        metadata["name"],
        RunPhase.ACTIVE,
        created,
        stage=progress.stage,
        percent=progress.percent,
        detail=progress.detail,
        estimated_end=progress.estimated_end,
    )


def _failure(job: Document, condition: Document, pods: Sequence[Document]) -> Failure:
    if condition.get("reason") == "DeadlineExceeded":
        return deadline_exceeded(int(job["spec"].get("activeDeadlineSeconds") or 0))
    for pod in pods:
        status = pod.get("status") or {}
        for container in status.get("containerStatuses") or []:
            if container.get("name") != TRAINER:
                continue
            ended = (container.get("state") or {}).get("terminated")
            if ended is None:
                continue
            if told := told_by_trainer(ended.get("message") or ""):
                return told
            if ended.get("reason") == "OOMKilled":
                return out_of_memory(_memory_limit(job))
            if not status.get("reason"):
                return ended_with(int(ended.get("exitCode", 1)), ended.get("message") or "")
        if status.get("reason"):
            reason = str(status["reason"])
            return Failure(reason_word(reason), status.get("message") or f"its pod ended: {reason}")
    return Failure("PodGone", condition.get("message") or "its pod is gone and left no message")


def _memory_limit(job: Document) -> str:
    for container in _containers(job):
        if container.get("name") == TRAINER:
            limits = (container.get("resources") or {}).get("limits") or {}
            return str(limits.get("memory", ""))
    return ""


def _why_not_started(pods: Sequence[Document]) -> str:
    """What the trainer's pod waits for: an image, a volume, room on a node."""
    for pod in pods:
        status = pod.get("status") or {}
        for container in status.get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting")
            if waiting:
                return str(waiting.get("reason") or "")
        for condition in status.get("conditions") or []:
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                return str(condition.get("reason") or "")
    return ""
