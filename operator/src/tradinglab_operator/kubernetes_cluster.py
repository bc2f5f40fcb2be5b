"""The cluster port over the Kubernetes API: the product.

Used by the operator's handlers. Reads everything anew on each visit; watches only wake it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import ValidationError

from tradinglab.artifact.store import remove_artifact, runs_directory
from tradinglab.errors import ConfigurationError, StorageError
from tradinglab.resource.crd import PLURAL
from tradinglab.resource.rules import API_VERSION
from tradinglab.resource.status import TradingModelStatus
from tradinglab.resource.training_request import TRAINING_REQUESTED
from tradinglab_operator.actions import (
    Action,
    RecordEvent,
    RemoveArtifact,
    RemoveTraining,
    ServeDigest,
    StartTraining,
    StopTraining,
    WriteStatus,
)
from tradinglab_operator.cluster import ClusterTrouble
from tradinglab_operator.kube import events
from tradinglab_operator.kube.api import (
    APPLY_PATCH,
    JSON_PATCH,
    Document,
    KubernetesApi,
    Refused,
)
from tradinglab_operator.kube.jobs import (
    MODEL_LABEL,
    instant,
    is_leaving,
    is_owned_by,
    job_manifest,
    run_of,
)
from tradinglab_operator.kube.rivals import stand_by_for_older
from tradinglab_operator.kube.serving import FIELD_MANAGER, apply_body, serving_of
from tradinglab_operator.manifest_file import parse_spec
from tradinglab_operator.situation import HistoryLimits, Model, Run, Serving, Situation
from tradinglab_operator.volume import Progress, Volume

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"


def model_of(document: Document) -> Model:
    """A TradingModel as the API server gives it."""
    metadata = document["metadata"]
    spec, problem = None, ""
    try:
        spec = parse_spec(document.get("spec"))
    except ConfigurationError as error:
        problem = str(error)
    try:
        status = TradingModelStatus.model_validate(document.get("status") or {})
    except ValidationError:
        status = TradingModelStatus()  # not ours; it is rebuilt from what there is
    return Model(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(metadata["generation"]),
        created_at=instant(metadata["creationTimestamp"]) or datetime.now(UTC),
        spec=spec,
        status=status,
        problem=problem,
        training_request=str((metadata.get("annotations") or {}).get(TRAINING_REQUESTED, "")),
    )


@dataclass(frozen=True)
class Workloads:
    """What runs in the namespace. Deployments by name, pods by their Job's name."""

    jobs: list[Document]
    pods: dict[str, list[Document]]
    deployments: dict[str, Document]
    replica_sets: list[Document]


def _serving(model: Model, workloads: Workloads) -> Serving | None:
    deployment = workloads.deployments.get(model.spec.serving.deployment) if model.spec else None
    return serving_of(deployment, workloads.replica_sets) if deployment else None


@dataclass
class KubernetesCluster:
    """One namespace; `template` is the chart's training Job, `release` the Helm release."""

    api: KubernetesApi
    volume: Volume
    template: Document
    release: str | None = None
    history: HistoryLimits = field(default_factory=HistoryLimits)

    def observe(self) -> list[Situation]:
        documents = self.api.list(API_VERSION, PLURAL)
        models = [model_of(each) for each in documents if not is_leaving(each)]
        models.sort(key=lambda model: (model.created_at, model.name))
        if not models:
            return []
        workloads = self._workloads()
        return [self._seen(model, workloads) for model in models]

    def _workloads(self) -> Workloads:
        """Read once a visit, however many models there are. Raises ClusterTrouble when they are
        another operator's to serve."""
        jobs = self.api.list("batch/v1", "jobs", MODEL_LABEL)
        pods: dict[str, list[Document]] = defaultdict(list)
        if jobs:
            for pod in self.api.list("v1", "pods", MODEL_LABEL):
                job = (pod["metadata"].get("labels") or {}).get(JOB_NAME_LABEL)
                if job:
                    pods[job].append(pod)
        deployments = self.api.list("apps/v1", "deployments")
        if self.release:
            stand_by_for_older(deployments, self.release)
        return Workloads(
            jobs=jobs,
            pods=pods,
            deployments={each["metadata"]["name"]: each for each in deployments},
            replica_sets=self.api.list("apps/v1", "replicasets") if deployments else [],
        )

    def _seen(self, model: Model, workloads: Workloads) -> Situation:
        """One model's odd Job or file must not hide the other models."""
        try:
            return self._situation(model, workloads)
        except ClusterTrouble:
            raise
        except Exception as error:  # noqa: BLE001 - told as a condition of this model
            return Situation(model, unreadable=error)

    def _situation(self, model: Model, workloads: Workloads) -> Situation:
        contents = self.volume.contents(model.key)
        own = self._own_jobs(model, workloads.jobs)
        return Situation(
            model=model,
            artifacts=contents.artifacts,
            refused=contents.refused,
            runs=tuple(self._run(model, job, workloads.pods) for job in own if not is_leaving(job)),
            leaving=frozenset(job["metadata"]["name"] for job in own if is_leaving(job)),
            serving=_serving(model, workloads),
            volume_problem=contents.problem,
            history=self.history,
        )

    def _own_jobs(self, model: Model, listed: list[Document]) -> list[Document]:
        """A list may be older than a Job; the one that was seen running is asked for by name
        before it counts as gone."""
        active = model.status.active_job
        jobs = list(listed)
        if active and all(job["metadata"]["name"] != active.name for job in listed):
            found = self.api.get("batch/v1", "jobs", active.name)
            jobs += [found] if found else []
        return [job for job in jobs if is_owned_by(job, model.uid)]

    def _run(self, model: Model, job: Document, pods: dict[str, list[Document]]) -> Run:
        name = job["metadata"]["name"]
        ended = any(
            each["type"] in ("Complete", "Failed") and each["status"] == "True"
            for each in (job.get("status") or {}).get("conditions") or []
        )
        progress = Progress() if ended else self.volume.progress(model.key, name)
        return run_of(job, pods.get(name, []), progress)

    def apply(self, model: Model, action: Action) -> None:
        match action:
            case WriteStatus(status):
                self._write_status(model, status)
            case RecordEvent():
                events.record(self.api, model, action)
            case StartTraining(name, _, champion):
                self._start_training(model, name, champion)
            case StopTraining(name) | RemoveTraining(name):
                self.api.delete("batch/v1", "jobs", name)
            case ServeDigest(digest):
                self._serve(model, digest)
            case RemoveArtifact(version):
                try:
                    remove_artifact(runs_directory(self.volume.path, model.key), version)
                except (OSError, StorageError) as error:
                    raise ClusterTrouble(
                        "VolumeUnavailable", f"artifact {version} cannot be removed: {error}"
                    ) from error

    def _write_status(self, model: Model, status: TradingModelStatus) -> None:
        """The whole status, and only of this very resource: one that was deleted and created
        anew under the same name keeps its own."""
        document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": model.uid},
            {"op": "add", "path": "/status", "value": document},
        ]
        try:
            self.api.patch(API_VERSION, PLURAL, model.name, operations, JSON_PATCH, sub="status")
        except Refused as refused:
            if refused.status != 404:  # deleted meanwhile: nobody is left to tell
                raise

    def _start_training(self, model: Model, name: str, champion: str) -> None:
        if model.spec is None:
            return
        manifest = job_manifest(self.template, model, model.spec, name, champion)
        try:
            self.api.create("batch/v1", "jobs", manifest)
        except Refused as refused:
            if refused.status != 409:
                raise
            existing = self.api.get("batch/v1", "jobs", name)
            if existing is not None and not is_owned_by(existing, model.uid):
                raise ClusterTrouble(
                    "JobNameTaken", f"Job {name} exists but is not of {model.key}; delete it"
                ) from None
            if existing is not None and is_leaving(existing):
                raise ClusterTrouble(
                    "JobTerminating", f"Job {name} is being deleted; its name is free after that"
                ) from None

    def _serve(self, model: Model, digest: str) -> None:
        if model.spec is None:
            return
        name = model.spec.serving.deployment
        self.api.patch(
            "apps/v1",
            "deployments",
            name,
            apply_body(name, digest),
            APPLY_PATCH,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
        )
