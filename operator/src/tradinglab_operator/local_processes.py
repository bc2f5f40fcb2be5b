"""The cluster port over child processes: the embedded default.

Used by the lab. Status, Jobs and the Deployment of a cluster are files and children here; what is
decided about them is the same plan.
"""

from dataclasses import dataclass

from tradinglab.artifact.store import remove_artifact, runs_directory
from tradinglab.errors import StorageError
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
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.jobs import LocalJobs
from tradinglab_operator.local.serving import LocalServing
from tradinglab_operator.manifest_file import NamedSpec
from tradinglab_operator.situation import Model, Situation
from tradinglab_operator.volume import Volume


@dataclass
class LocalProcesses:
    """One model, one data directory."""

    home: Home
    manifest: NamedSpec
    volume: Volume
    jobs: LocalJobs
    serving: LocalServing

    def model(self) -> Model:
        return self.home.model(self.manifest)

    def observe(self) -> list[Situation]:
        model = self.model()
        try:
            return [self._situation(model)]
        except Exception as error:  # noqa: BLE001 - told as a condition of this model
            return [Situation(model, unreadable=error)]

    def _situation(self, model: Model) -> Situation:
        contents = self.volume.contents(model.key)
        return Situation(
            model=model,
            artifacts=contents.artifacts,
            refused=contents.refused,
            runs=self.jobs.runs(model.key),
            serving=self.serving.serving(),
            volume_problem=contents.problem,
        )

    def apply(self, model: Model, action: Action) -> None:
        try:
            match action:
                case WriteStatus(status):
                    document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
                    self.home.write("status.json", document)
                case StartTraining(name, _, champion):
                    self.jobs.start(name, champion)
                case StopTraining(name):
                    self.jobs.stop(name)
                case ServeDigest(digest):
                    self.serving.ask_for(digest)
                case RemoveArtifact(version):
                    remove_artifact(runs_directory(self.home.volume, model.key), version)
                case RecordEvent() | RemoveTraining():
                    pass  # the reconcile loop has told it, and few records are kept anyway
        except StorageError as error:
            raise ClusterTrouble(error.reason, str(error)) from error
