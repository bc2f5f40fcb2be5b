"""A volume with small artifacts and files of bars, for the tests of the trainer's commands."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.api.artifacts import COMPONENTS, HORIZON, MODEL, WINDOW, small_artifact
from tests.evaluation.references import reference_of, stationary_of
from tests.market_data import synthetic_bars

from tradinglab.artifact.manifest import Manifest
from tradinglab.artifact.store import Artifact, runs_directory, write_artifact
from tradinglab_trainer.main import main

__all__ = [
    "HORIZON",
    "MODEL",
    "WINDOW",
    "bars_file",
    "evaluable_artifact",
    "runner",
    "small_artifact",
]

METRICS = {
    "direction_gain": 0.0123, "direction_gain_low": -0.001, "direction_gain_high": 0.025,
    "log_loss": 1.36, "log_loss_prior": 1.38, "log_loss_logit": 1.37,
    "ece": 0.021, "ece_null": 0.03, "qlike": 0.24, "qlike_har": 0.25, "qlike_ewma": 0.31,
}  # fmt: skip


def evaluable_artifact(
    volume: Path,
    seed: int = 1,
    metrics: dict[str, float] = METRICS,
    **changed: object,
) -> Artifact:
    """As `small_artifact`, with the baselines' parameters in its manifest; `changed` fields too."""
    plain = small_artifact(volume / "plain", seed)
    rng = np.random.default_rng(seed)
    reference = reference_of(
        stationary_of(synthetic_bars(1500, seed)), logit=rng.normal(0, 0.1, (4, COMPONENTS + 1))
    )
    files = {name: (plain.path / name).read_bytes() for name in plain.manifest.files}
    shutil.rmtree(volume / "plain")

    def manifest_with(entries: dict) -> Manifest:
        return plain.manifest.model_copy(
            update={"files": entries, "reference": reference, "metrics": metrics, **changed}
        )

    return write_artifact(runs_directory(volume, MODEL), files, manifest_with)


def bars_file(path: Path, bars: pd.DataFrame) -> Path:
    bars.to_csv(path, index_label="timestamp_ms")
    return path


def runner(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: exit status, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call
