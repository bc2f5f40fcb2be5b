"""A small valid artifact, written by the product's writer without numpy or a network.

Used by the operator's tests and by the trainer that stands in for the real one.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from tests.artifact.example_manifest import example_manifest

from tradinglab.artifact.manifest import Comparison, Manifest
from tradinglab.artifact.store import Artifact, runs_directory, write_artifact


def store_artifact(
    volume: Path,
    model: str,
    job: str,
    trained_at: datetime,
    comparison: Comparison = Comparison.BETTER,
) -> Artifact:
    """One small valid artifact; another job gives another digest."""

    def manifest_with(entries: Any) -> Manifest:
        return example_manifest(
            entries,
            model=model,
            job=job,
            trained_at=trained_at.isoformat(),
            comparison=comparison,
            metrics={"log_loss": 1.3},
        )

    return write_artifact(
        runs_directory(volume, model), {"model.onnx": job.encode()}, manifest_with
    )
