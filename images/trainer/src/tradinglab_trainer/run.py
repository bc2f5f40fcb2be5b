"""One training run: bars → features → tuning → folds → refit → judgement → artifact.

Called by the entry point with the spec that the operator handed over. Stages act in this order and
nowhere else; what they compute is in the modules they call.
"""

import logging
import re
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from statistics import median

import numpy as np

from tradinglab.adapters.bars_history import BarsHistory, public_client
from tradinglab.adapters.bars_store import BarsStore, describe
from tradinglab.artifact.manifest import Comparison, DataRange, FileEntry, Manifest
from tradinglab.artifact.store import Artifact, load_artifact, runs_directory, write_artifact
from tradinglab.domain.forecast import DecisionFacts
from tradinglab.domain.market import history_milliseconds
from tradinglab.errors import ArtifactError
from tradinglab.evaluation.metrics import block_means, log_losses
from tradinglab.features.columns import FloatArray
from tradinglab.features.pipeline import specification_sha256
from tradinglab.logs import fields
from tradinglab.predictor import (
    GOLDEN_FILE,
    GRAPH_FILE,
    PIPELINE_FILE,
    Graph,
    Predictor,
    golden_content,
    interpret,
)
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.comparison import compare
from tradinglab_trainer.dataset import Dataset, IntArray, final_split, make_dataset, walk_forward
from tradinglab_trainer.fitting import Epoch
from tradinglab_trainer.gate import Judgement, judge
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.procedure import OnEpoch, OutOfFold, Trained, judge_out_of_fold, train
from tradinglab_trainer.progress import Progress, Stage
from tradinglab_trainer.tuning import TuningStore, tune

log = logging.getLogger(__name__)

GOLDEN_COUNT = 3
RETRY_SUFFIX = re.compile(r"-a[0-9]+$")  # a failed run's next attempt goes on with its search
SMALLEST_STANDARD_ERROR = 1e-3


@dataclass(frozen=True)
class Run:
    """What identifies a run. `model`: <namespace>/<name>; `champion`: a digest or None."""

    volume: Path
    model: str
    job: str
    spec: TradingModelSpec
    champion: str | None
    exchange_rest_url: str | None


def execute(run: Run) -> Artifact:
    """Returns the stored artifact, whatever its verdicts.

    Raises what its stages raise: ConfigurationError, DataError, ExchangeUnavailable, StorageError.
    Nothing is lost: bars and trials stay, and the next attempt goes on from there.
    """
    started = time.monotonic()
    home = run.volume / run.model
    progress = Progress(home / "progress" / f"{run.job}.json")
    training = run.spec.training
    dataset, data = _load(run, home, progress)
    folds = walk_forward(dataset, training.folds)
    hyperparameters = tune(
        dataset, folds[0], training, TuningStore(home / "tuning.db"),
        RETRY_SUFFIX.sub("", run.job), home / "tuning",
        lambda trial, total, detail: progress.report(
            Stage.TUNING, (trial - 1) / total, f"trial {trial}/{total} {detail}"
        ),
    )  # fmt: skip
    log.info("hyper-parameters chosen", extra=fields(**hyperparameters.as_dict()))
    challenger = judge_out_of_fold(
        dataset, folds, training, hyperparameters, _fold_progress(progress, run.spec, "fold")
    )
    epochs = max(1, round(median(challenger.best_epochs)))
    shipped = train(
        dataset, final_split(dataset), training, hyperparameters, epochs,
        lambda epoch: progress.report(
            Stage.REFIT, epoch.number / epochs,
            f"refit epoch {epoch.number}/{epochs} loss {epoch.train:.4f}",
        ),
    )  # fmt: skip
    comparison = _compare(run, dataset, challenger, hyperparameters, progress)
    progress.report(Stage.JUDGING, 0.9, "gate")
    judgement = judge(
        challenger, shipped.export_difference, comparison, training.horizon_bars, training.seed
    )
    artifact = _store(run, dataset, data, hyperparameters, shipped, judgement)
    shutil.rmtree(home / "tuning", ignore_errors=True)  # the trials stand in tuning.db
    progress.report(Stage.STORING, 1.0, artifact.version)
    log.info(
        "trained",
        extra=fields(
            version=artifact.version,
            servable=judgement.gate.servable,
            verdict=judgement.gate.verdict.value,
            because=judgement.gate.verdict_reason,
            seconds=round(time.monotonic() - started, 1),
        ),
    )
    return artifact


def _load(run: Run, home: Path, progress: Progress) -> tuple[Dataset, DataRange]:
    market, training = run.spec.market.market, run.spec.training
    store = BarsStore(home / "bars", market)
    try:
        history = BarsHistory(public_client(run.exchange_rest_url), market)
        since = history.update(
            store,
            history_milliseconds(run.spec.market.history),
            lambda fraction, detail: progress.report(Stage.FETCHING, fraction, detail),
        )
        bars = store.read(since)
    finally:
        store.close()
    data = describe(bars, market.bar_milliseconds)
    log.info(
        "bars are complete",
        extra=fields(
            bars=data.bars,
            gaps=len(data.gaps),
            missing=sum(gap.missing_bars for gap in data.gaps),
            end=datetime.fromtimestamp(data.end / 1000, UTC).isoformat(),
        ),
    )
    progress.report(Stage.FEATURES, 0.0, f"{data.bars} bars")
    return make_dataset(
        bars, market.bar_milliseconds, training.window_bars, training.horizon_bars
    ), data


def _fold_progress(progress: Progress, spec: TradingModelSpec, name: str) -> OnEpoch:
    folds, epochs = spec.training.folds, spec.training.epochs

    def on_epoch(fold: int, epoch: Epoch) -> None:
        progress.report(
            Stage.FOLDS if name == "fold" else Stage.JUDGING,
            (fold + epoch.number / epochs) / folds * (1.0 if name == "fold" else 0.8),
            f"{name} {fold + 1}/{folds} epoch {epoch.number}/{epochs} "
            f"loss {epoch.train:.4f} stop {epoch.stop:.4f}",
        )

    return on_epoch


def _compare(
    run: Run,
    dataset: Dataset,
    challenger: OutOfFold,
    hyperparameters: Hyperparameters,
    progress: Progress,
) -> Comparison:
    """With the champion's procedure on the same folds; inconclusive where it cannot be repeated."""
    if run.champion is None:
        return Comparison.FIRST
    training = run.spec.training
    try:
        manifest = load_artifact(runs_directory(run.volume, run.model), run.champion).manifest
        theirs = Hyperparameters(**manifest.hyperparameters)  # type: ignore[arg-type]
    except (ArtifactError, TypeError) as error:
        log.warning("champion cannot be compared", extra=fields(cause=str(error)))
        return Comparison.INCONCLUSIVE
    if manifest.specification_sha256 != specification_sha256(
        training.horizon_bars, training.window_bars
    ):
        log.info("champion forecasts something else", extra=fields(champion=run.champion))
        return Comparison.INCONCLUSIVE
    if theirs == hyperparameters:  # the same procedure on the same folds
        return Comparison.INCONCLUSIVE
    champion = judge_out_of_fold(
        dataset, walk_forward(dataset, training.folds), training, theirs,
        _fold_progress(progress, run.spec, "champion's fold"),
    )  # fmt: skip
    return compare(
        log_losses(challenger.probabilities, challenger.classes),
        log_losses(champion.probabilities, champion.classes),
        training.horizon_bars,
    )


def _decision_facts(dataset: Dataset, shipped: Trained, training_rows: IntArray, rows: IntArray,
                    seed: int) -> DecisionFacts:  # fmt: skip
    """On calibration rows: how sure an edge is; on training rows: what volatility is usual."""
    horizon = dataset.horizon_bars
    outputs = shipped.outputs(rows)
    expected = outputs.probabilities @ shipped.prepared.class_mean_returns
    realised = dataset.returns[rows] / (np.exp(outputs.log_volatility) * np.sqrt(horizon))
    error = block_means(realised - expected, 2 * horizon, seed).std()
    volatility: FloatArray = np.exp(shipped.prepared.baseline[training_rows])
    low, middle, high = np.percentile(volatility, (10, 50, 90))
    return DecisionFacts(
        horizon_bars=horizon,
        class_mean_returns=tuple(shipped.prepared.class_mean_returns.tolist()),
        volatility_p10=float(low),
        volatility_p50=float(middle),
        volatility_p90=float(high),
        edge_standard_error=max(float(error), SMALLEST_STANDARD_ERROR),
    )


def _store(
    run: Run,
    dataset: Dataset,
    data: DataRange,
    hyperparameters: Hyperparameters,
    shipped: Trained,
    judgement: Judgement,
) -> Artifact:
    training, pipeline = run.spec.training, shipped.pipeline
    split = final_split(dataset)
    rows = dataset.rows(*split.calibration)
    decision = _decision_facts(dataset, shipped, dataset.rows(*split.train), rows, training.seed)
    chosen = rows[np.linspace(0, len(rows) - 1, GOLDEN_COUNT).astype(int)]
    histories = np.stack(
        [dataset.snapshots[row - pipeline.lookback_bars + 1 : row + 1] for row in chosen]
    )
    graph = Graph(shipped.graph_content)
    windows = [pipeline.window(history) for history in histories]
    golden = interpret(
        graph.run(np.stack([w for w, _ in windows]), np.array([b for _, b in windows])), pipeline
    )

    def manifest(files: dict[str, FileEntry]) -> Manifest:
        market = run.spec.market
        return Manifest(
            model=run.model,
            job=run.job,
            trained_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            code_version=package_version("tradinglab-trainer"),
            exchange=market.exchange,
            symbol=market.symbol,
            timeframe=market.timeframe,
            window_bars=training.window_bars,
            lookback_bars=pipeline.lookback_bars,
            component_count=pipeline.normaliser.component_count,
            specification_sha256=specification_sha256(training.horizon_bars, training.window_bars),
            data=data,
            hyperparameters=hyperparameters.as_dict(),
            seeds=(training.seed,),
            metrics=judgement.metrics | {"temperature": pipeline.temperature},
            gate=judgement.gate,
            decision=decision,
            files=files,
        )

    artifact = write_artifact(
        runs_directory(run.volume, run.model),
        {
            GRAPH_FILE: shipped.graph_content,
            PIPELINE_FILE: pipeline.encoded(),
            GOLDEN_FILE: golden_content(histories, golden),
        },
        manifest,
    )
    Predictor.load(artifact).verify_golden()
    return artifact
