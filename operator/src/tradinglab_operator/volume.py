"""What lies on the shared volume for one model: its artifacts and the progress of its training.

Used by both adapters of the cluster port. Files are hashed once; manifests are read every time.
"""

import json
import logging
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tradinglab.artifact.store import Artifact, runs_directory, scan_artifacts, sweep_removed
from tradinglab.errors import StorageError
from tradinglab.logs import fields
from tradinglab_operator.situation import ArtifactFacts, Refused

log = logging.getLogger(__name__)

MAX_PROGRESS_BYTES = 10_000
MAX_TEXT = 120


@dataclass(frozen=True)
class Progress:
    stage: str = ""
    percent: float = 0.0
    detail: str = ""
    estimated_end: datetime | None = None


@dataclass(frozen=True)
class Contents:
    """`problem` is empty unless the volume cannot be read; then the rest means nothing."""

    artifacts: tuple[ArtifactFacts, ...] = ()
    refused: tuple[Refused, ...] = ()
    problem: str = ""


@dataclass
class Volume:
    """The shared volume as it is mounted here."""

    path: Path
    _verified: dict[str, dict[str, Artifact]] = field(default_factory=dict)

    def contents(self, model: str) -> Contents:
        """`model` is <namespace>/<name>."""
        if not self.path.is_dir():
            return Contents(problem=f"volume {self.path} is not mounted")
        runs = runs_directory(self.path, model)
        if model not in self._verified:
            _finish_removals(runs)
        try:
            found, refused = scan_artifacts(runs, self._verified.get(model))
        except (OSError, StorageError) as error:
            return Contents(problem=f"volume {self.path} cannot be read: {error}")
        self._verified[model] = {artifact.version: artifact for artifact in found}
        facts = []
        no_facts = [Refused(each.version, each.reason) for each in refused]
        for artifact in found:
            if artifact.manifest.model != model:
                no_facts.append(
                    Refused(
                        artifact.version,
                        f"{artifact.version} is of model {artifact.manifest.model}, "
                        f"expected {model}",
                    )
                )
                continue
            try:
                facts.append(ArtifactFacts.of(artifact))
            except ValueError as error:
                no_facts.append(
                    Refused(artifact.version, f"{artifact.version}: trainedAt: {error}")
                )
        return Contents(tuple(facts), tuple(no_facts))

    def progress(self, model: str, job: str) -> Progress:
        """What the trainer last told; nothing if it told nothing readable yet."""
        path = self.path / model / "progress" / f"{job}.json"
        try:
            with path.open("rb") as file:
                document = json.loads(file.read(MAX_PROGRESS_BYTES))
            stage, percent = str(document["stage"]), float(document["percent"])
            detail = str(document["detail"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return Progress()
        if not math.isfinite(percent):  # JSON as Python reads it knows NaN and Infinity
            return Progress()
        end = _instant(document.get("estimated_end"))
        return Progress(stage[:MAX_TEXT], percent, detail[:MAX_TEXT], end)


def _instant(text: object) -> datetime | None:
    """A pace may be unknown, and a date out of range; neither spoils the rest."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _finish_removals(runs: Path) -> None:
    """At the first look at a model: what a killed operator did not finish to remove."""
    try:
        sweep_removed(runs)
    except StorageError as error:
        log.warning(str(error), extra=fields(reason=error.reason))
