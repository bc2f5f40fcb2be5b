"""An artifact's forecasts on bars of a file, scored: the exported graph, exactly as it is served.

Called by `evaluate` and `compare`. Fits nothing: pipeline, prior and logit are the artifact's own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradinglab.adapters.bars_frame import read_bars_file
from tradinglab.adapters.bars_store import describe
from tradinglab.artifact.manifest import DataRange, Manifest
from tradinglab.artifact.store import Artifact
from tradinglab.domain.market import Market
from tradinglab.domain.reference import Reference
from tradinglab.errors import ArtifactError, DataError
from tradinglab.features.columns import FloatArray
from tradinglab.features.pipeline import Pipeline, specification_sha256
from tradinglab.predictor import GRAPH_FILE, PIPELINE_FILE, Graph
from tradinglab_trainer.commands.table import instant, minute
from tradinglab_trainer.dataset import Dataset, IntArray, make_dataset
from tradinglab_trainer.preparation import Seen, logit_probabilities, see
from tradinglab_trainer.scored import ScoredForecasts, pooled, score

BATCH_ROWS = 8192  # bounds the windows held at once


def market_of(manifest: Manifest) -> Market:
    return Market(manifest.exchange, manifest.symbol, manifest.timeframe)


def read_bars(file: Path, manifest: Manifest) -> pd.DataFrame:
    """Raises DataError that names line and column, ConfigurationError when there is no file."""
    return read_bars_file(file, market_of(manifest))


def described(file: Path, data: DataRange) -> dict[str, Any]:
    """Where figures come from, so that they can be repeated; the hash is that of a manifest."""
    return {
        "file": str(file),
        "start": instant(data.start),
        "end": instant(data.end),
        "count": data.bars,
        "gaps": data.gap_count,
        "missing": data.missing_bars,
        "sha256": data.sha256,
    }


@dataclass(frozen=True)
class Evaluated:
    """One artifact over the bars of one file."""

    artifact: Artifact
    data: DataRange
    dataset: Dataset
    seen: Seen
    reference: Reference
    graph: Graph

    @classmethod
    def of(cls, artifact: Artifact, bars: pd.DataFrame) -> "Evaluated":
        """Raises ArtifactError for an artifact too old to be evaluated."""
        manifest = artifact.manifest
        reference = _reference(artifact)
        horizon = manifest.decision.horizon_bars
        if manifest.specification_sha256 != specification_sha256(horizon, manifest.window_bars):
            raise ArtifactError(
                f"{artifact.version} was trained with other definitions of features and labels; "
                "evaluate it with the version of the trainer that made it, "
                f"{manifest.code_version}"
            )
        bar = market_of(manifest).bar_milliseconds
        data = describe(bars, bar)  # examines the bars before anything is computed from them
        dataset = make_dataset(bars, bar, manifest.window_bars, horizon, least_usable=1)
        pipeline = Pipeline.decoded(artifact.content(PIPELINE_FILE))
        return cls(
            artifact=artifact,
            data=data,
            dataset=dataset,
            seen=see(dataset, pipeline),
            reference=reference,
            graph=Graph(artifact.content(GRAPH_FILE)),
        )

    @property
    def out_of_sample_from(self) -> int:
        """The first open time (UTC ms) whose forecast no training label reaches, one horizon on."""
        manifest = self.artifact.manifest
        return manifest.data.end + (manifest.decision.horizon_bars + 1) * (
            self.dataset.bar_milliseconds
        )

    @property
    def last_judged(self) -> int:
        """The open time (UTC ms) of the last bar whose horizon the file covers."""
        return self.data.end - self.dataset.horizon_bars * self.dataset.bar_milliseconds

    def first_after_training(self) -> int:
        """`out_of_sample_from` if the bars reach so far. Raises DataError that says what would."""
        if self.last_judged >= self.out_of_sample_from:
            return self.out_of_sample_from
        raise DataError(
            f"the bars end at {minute(self.data.end)}, so the last forecast that can be judged is "
            f"that of {minute(self.last_judged)}; {self.artifact.version} was trained up to "
            f"{minute(self.artifact.manifest.data.end)}, expected bars that reach beyond "
            f"{minute(self.out_of_sample_from)} by one horizon; --in-sample evaluates on "
            "training data, which is no evidence of skill"
        )

    def rows(self, since: int, until: int) -> IntArray:
        """The rows within these open times, both included, that a forecast can be judged for."""
        times = self.dataset.times
        return self.dataset.rows(
            int(np.searchsorted(times, since)), int(np.searchsorted(times, until, side="right"))
        )

    def scored(self, rows: IntArray) -> ScoredForecasts:
        """Raises DataError when there is no row."""
        if len(rows) == 0:
            raise DataError(
                f"no bar in the range may be forecast: it needs "
                f"{self.artifact.manifest.lookback_bars} bars before and "
                f"{self.dataset.horizon_bars} after without a gap; the file has "
                f"{self.data.bars} bars, {minute(self.data.start)} … {minute(self.data.end)}"
            )
        parts = np.array_split(rows, -(-len(rows) // BATCH_ROWS))
        return pooled([self._scored(part) for part in parts])

    def _scored(self, rows: IntArray) -> ScoredForecasts:
        return score(
            self.dataset,
            self.seen,
            rows,
            self.graph.run(self.seen.windows(rows), self.seen.baseline[rows]),
            self.seen.pipeline,
            np.asarray(self.artifact.manifest.decision.class_mean_returns, np.float64),
            np.asarray(self.reference.prior, np.float64),
            self._logit(rows),
        )

    def _logit(self, rows: IntArray) -> FloatArray:
        weights = np.asarray(self.reference.logit, np.float64)
        return logit_probabilities(weights, self.seen.components[rows])


def _reference(artifact: Artifact) -> Reference:
    reference = artifact.manifest.reference
    if reference is None or not reference.logit:
        raise ArtifactError(
            f"{artifact.version} is too old to be evaluated: its manifest has no reference with "
            "the baselines' prior and logit; train anew"
        )
    width = artifact.manifest.component_count + 1
    if len(reference.logit[0]) != width:
        raise ArtifactError(
            f"{artifact.version}: reference.logit has {len(reference.logit[0])} weights a class, "
            f"expected {width}: one for each component and the intercept"
        )
    return reference
