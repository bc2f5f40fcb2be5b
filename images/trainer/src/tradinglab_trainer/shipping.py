"""What an artifact holds: the graph and its pipeline, golden windows, the report, the manifest.

Called by the run with what it found out; decides nothing.
"""

from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path

import numpy as np

from tradinglab.artifact.manifest import REPORT_FILE, FileEntry, Manifest
from tradinglab.artifact.store import Artifact, load_artifact, write_artifact
from tradinglab.domain.forecast import DecisionFacts
from tradinglab.evaluation.metrics import block_means
from tradinglab.evaluation.reference import make_reference
from tradinglab.features.columns import FloatArray
from tradinglab.features.pipeline import specification_sha256
from tradinglab.predictor import (
    GOLDEN_FILE,
    GRAPH_FILE,
    PIPELINE_FILE,
    Graph,
    Predictor,
    golden_content,
    interpret,
)
from tradinglab_trainer.dataset import Dataset, IntArray, final_split
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.procedure import Trained
from tradinglab_trainer.report import render

GOLDEN_COUNT = 3
SMALLEST_STANDARD_ERROR = 1e-3


def ship(runs: Path, evidence: Evidence, dataset: Dataset, shipped: Trained) -> Artifact:
    """Stores the artifact, then loads it as the API will. Raises StorageError, ArtifactError."""
    rows = dataset.rows(*final_split(dataset).calibration)

    def manifest(files: dict[str, FileEntry]) -> Manifest:
        return _manifest(evidence, dataset, shipped, files)

    written = write_artifact(
        runs,
        {
            GRAPH_FILE: shipped.graph_content,
            PIPELINE_FILE: shipped.pipeline.encoded(),
            GOLDEN_FILE: _golden(dataset, shipped, rows),
            REPORT_FILE: render(evidence),
        },
        manifest,
    )
    artifact = load_artifact(runs, written.digest)
    Predictor.load(artifact).verify_golden()
    return artifact


def _golden(dataset: Dataset, shipped: Trained, rows: IntArray) -> bytes:
    pipeline = shipped.pipeline
    chosen = rows[np.linspace(0, len(rows) - 1, GOLDEN_COUNT).astype(int)]
    histories = np.stack(
        [dataset.snapshots[row - pipeline.lookback_bars + 1 : row + 1] for row in chosen]
    )
    windows = [pipeline.window(history) for history in histories]
    raw = Graph(shipped.graph_content).run(
        np.stack([window for window, _ in windows]), np.array([base for _, base in windows])
    )
    return golden_content(histories, interpret(raw, pipeline))


def _manifest(
    evidence: Evidence, dataset: Dataset, shipped: Trained, files: dict[str, FileEntry]
) -> Manifest:
    market, training = evidence.spec.market, evidence.spec.training
    pipeline = shipped.pipeline
    return Manifest(
        model=evidence.model,
        job=evidence.job,
        trained_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        code_version=package_version("tradinglab-trainer"),
        exchange=market.exchange,
        symbol=market.symbol,
        timeframe=market.timeframe,
        window_bars=training.window_bars,
        lookback_bars=pipeline.lookback_bars,
        component_count=pipeline.normaliser.component_count,
        specification_sha256=specification_sha256(training.horizon_bars, training.window_bars),
        data=evidence.data,
        hyperparameters=evidence.hyperparameters.as_dict(),
        seeds=tuple(sorted(evidence.seed_metrics)),
        metrics=evidence.metrics | {"temperature": pipeline.temperature},
        gate=evidence.gate,
        decision=_decision_facts(dataset, shipped, training.seed),
        reference=make_reference(
            dataset.stationary[dataset.rows(*final_split(dataset).train)],
            prior=shipped.prepared.prior,
            logit=shipped.prepared.logit,
            log_loss=evidence.metrics["log_loss"],
            ece=evidence.metrics["ece"],
            ece_null=evidence.metrics["ece_null"],
            class_threshold=pipeline.threshold,
            har_coefficients=pipeline.har_coefficients,
        ),
        files=files,
    )


def _decision_facts(dataset: Dataset, shipped: Trained, seed: int) -> DecisionFacts:
    """On calibration rows: how sure an edge is; on training rows: what volatility is usual."""
    split, horizon = final_split(dataset), dataset.horizon_bars
    forecasts = shipped.scored(dataset, dataset.rows(*split.calibration))
    scale = np.exp(forecasts.volatility) * np.sqrt(horizon)
    error = block_means(
        (forecasts.returns - forecasts.expected_returns) / scale, 2 * horizon, seed
    ).std()
    volatility: FloatArray = np.exp(shipped.prepared.baseline[dataset.rows(*split.train)])
    low, middle, high = np.percentile(volatility, (10, 50, 90))
    return DecisionFacts(
        horizon_bars=horizon,
        class_mean_returns=tuple(shipped.prepared.class_mean_returns.tolist()),
        volatility_p10=float(low),
        volatility_p50=float(middle),
        volatility_p90=float(high),
        edge_standard_error=max(float(error), SMALLEST_STANDARD_ERROR),
    )
