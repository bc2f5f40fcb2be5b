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
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from tradinglab.adapters.bars_frame import read_bars_file
from tradinglab.adapters.bars_store import describe
from tradinglab.artifact.manifest import Comparison, DataRange
from tradinglab.artifact.store import Artifact, load_artifact, runs_directory, scan_artifacts
from tradinglab.domain.market import Market, history_milliseconds
from tradinglab.errors import ArtifactError
from tradinglab.evaluation.metrics import log_losses, qlike
from tradinglab.features.pipeline import specification_sha256
from tradinglab.logs import fields
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.comparison import compare
from tradinglab_trainer.dataset import Dataset, Fold, final_split, make_dataset, walk_forward
from tradinglab_trainer.evidence import Evidence, Variant
from tradinglab_trainer.fetching import Wanted, fetch
from tradinglab_trainer.fitting import Epoch
from tradinglab_trainer.gate import judge
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.preparation import prepare
from tradinglab_trainer.procedure import OnEpoch, OutOfFold, Trained, train, walk
from tradinglab_trainer.progress import Progress, Stage
from tradinglab_trainer.scored import ScoredForecasts
from tradinglab_trainer.scores import direction_gains, measure
from tradinglab_trainer.shipping import ship
from tradinglab_trainer.tuning import TuningStore, tune

log = logging.getLogger(__name__)

RETRY_SUFFIX = re.compile(r"-a[0-9]+$")  # a failed run's next attempt goes on with its search


@dataclass(frozen=True)
class Run:
    """What identifies a run. `model`: <namespace>/<name>; `champion`: a digest or None; `bars`: a
    file to learn from instead of the exchange."""

    volume: Path
    model: str
    job: str
    spec: TradingModelSpec
    champion: str | None = None
    exchange_rest_url: str | None = None
    bars: Path | None = None

    @property
    def home(self) -> Path:
        return self.volume / self.model

    @property
    def search(self) -> str:
        """The job whose search of hyper-parameters this is: attempts go on with the first one's."""
        return RETRY_SUFFIX.sub("", self.job)

    def search_directory(self, data_sha256: str) -> Path:
        """Scores on other bars are not comparable, so other bars begin a search anew."""
        return self.home / "tuning" / f"{self.search}-{data_sha256[:12]}"


def execute(run: Run, progress: Progress) -> Artifact:
    """Returns the stored artifact, whatever its verdicts.

    Raises what its stages raise: ConfigurationError, DataError, ExchangeUnavailable, StorageError.
    Nothing is lost: bars and trials stay, and the next attempt goes on from there. A run whose
    artifact is stored already returns it: it was ended before it could say so.
    """
    started = time.monotonic()
    if (stored := _stored(run)) is not None:
        log.info("this run has ended before", extra=fields(version=stored.version))
        progress.report(Stage.STORING, 1.0, stored.version)
        return stored
    dataset, data = _load(run, progress)
    folds = walk_forward(dataset, run.spec.training.folds)
    search = run.search_directory(data.sha256)
    hyperparameters = _tune(run, dataset, folds[0], search, progress)
    challenger = walk(
        dataset, folds, run.spec.training, hyperparameters, _walk_progress(run, progress)
    )
    variants = _variants(run, dataset, folds[-1], challenger, hyperparameters, progress)
    comparison = _compare(run, dataset, challenger, hyperparameters, progress)
    shipped = _refit(run, dataset, challenger, hyperparameters, progress)
    progress.report(Stage.JUDGING, 0.0, "scores and gate")
    evidence = _judge(
        run, dataset, data, hyperparameters, challenger, shipped, variants, comparison
    )
    progress.report(Stage.STORING, 0.0, "report and artifact")
    artifact = ship(runs_directory(run.volume, run.model), evidence, dataset, shipped)
    for each in search.parent.glob(f"{run.search}-*"):  # the trials stand in tuning.db
        shutil.rmtree(each, ignore_errors=True)
    progress.report(Stage.STORING, 1.0, artifact.version)
    log.info(
        "trained",
        extra=fields(
            version=artifact.version,
            servable=evidence.gate.servable,
            verdict=evidence.gate.verdict.value,
            because=evidence.gate.verdict_reason,
            seconds=round(time.monotonic() - started, 1),
        ),
    )
    return artifact


def _stored(run: Run) -> Artifact | None:
    artifacts, _ = scan_artifacts(runs_directory(run.volume, run.model))
    return next((each for each in artifacts if each.manifest.job == run.job), None)


def _load(run: Run, progress: Progress) -> tuple[Dataset, DataRange]:
    market, training = run.spec.market.market, run.spec.training
    history = history_milliseconds(run.spec.market.history)
    if run.bars is not None:
        bars = _file_bars(run.bars, market, history)
    else:
        bars = fetch(
            Wanted(run.home / "bars", market, history, run.exchange_rest_url),
            lambda fraction, detail: progress.report(Stage.FETCHING, fraction, detail),
        )
    data = describe(bars, market.bar_milliseconds)
    log.info(
        "bars are complete",
        extra=fields(
            bars=data.bars,
            gaps=data.gap_count,
            missing=data.missing_bars,
            end=datetime.fromtimestamp(data.end / 1000, UTC).isoformat(),
        ),
    )
    progress.report(Stage.FEATURES, 0.0, f"{data.bars} bars")
    return make_dataset(
        bars, market.bar_milliseconds, training.window_bars, training.horizon_bars
    ), data


def _file_bars(file: Path, market: Market, history: int) -> pd.DataFrame:
    """The last `history` milliseconds of the file."""
    bars = read_bars_file(file, market)
    return bars[bars.index > int(bars.index[-1]) - history]


def _tune(
    run: Run, dataset: Dataset, fold: Fold, search: Path, progress: Progress
) -> Hyperparameters:
    chosen = tune(
        dataset, fold, run.spec.training, TuningStore(run.home / "tuning.db"),
        run.search, search,
        lambda trial, total, detail: progress.report(
            Stage.TUNING, (trial - 1) / total, f"trial {trial}/{total} {detail}"
        ),
    )  # fmt: skip
    log.info("hyper-parameters chosen", extra=fields(**chosen.as_dict()))
    return chosen


def _walk_progress(
    run: Run, progress: Progress, stage: Stage = Stage.FOLDS, whose: str = ""
) -> OnEpoch:
    """Counts the epochs of early-stopped fits as if each took them all."""
    training = run.spec.training
    fits, begun = training.folds * training.repeats, list[str]()

    def on_epoch(name: str, epoch: Epoch) -> None:
        if name not in begun:
            begun.append(name)
        fraction = (len(begun) - 1 + epoch.number / training.epochs) / fits
        progress.report(
            stage, fraction,
            f"{whose}{name} epoch {epoch.number} loss {epoch.train:.4f} score {epoch.stop:.4f}",
        )  # fmt: skip

    return on_epoch


def _variants(
    run: Run,
    dataset: Dataset,
    fold: Fold,
    challenger: OutOfFold,
    hyperparameters: Hyperparameters,
    progress: Progress,
) -> tuple[Variant, ...]:
    """The last fold again without PCA's reduction, beside what was made of it."""
    training = run.spec.training
    rows = dataset.rows(*fold.test)
    whole = train(
        dataset, fold, prepare(dataset, fold.train, 1.0, training.seed), training,
        hyperparameters, training.epochs, training.seed,
        lambda epoch: progress.report(
            Stage.VARIANTS, epoch.number / training.epochs, f"without PCA epoch {epoch.number}"
        ),
    )  # fmt: skip
    reduced = challenger.by_seed[training.seed].at(slice(-len(rows), None))
    count = challenger.fits[-1].component_count
    return (
        _variant(f"PCA, {training.pca.variance:.0%} of the variance", count, reduced),
        _variant("all twelve components", 12, whole.scored(dataset, rows)),
    )


def _variant(name: str, count: int, forecasts: ScoredForecasts) -> Variant:
    return Variant(
        name=name,
        component_count=count,
        log_loss=float(log_losses(forecasts.probabilities, forecasts.classes).mean()),
        direction_gain=float(direction_gains(forecasts.at(forecasts.moved)).mean()),
        qlike=float(qlike(forecasts.volatility, forecasts.realised).mean()),
    )


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
    champion = walk(
        dataset, walk_forward(dataset, training.folds), training, theirs,
        _walk_progress(run, progress, Stage.COMPARING, "champion's "),
    )  # fmt: skip
    return compare(challenger.mean_log_losses, champion.mean_log_losses, training.horizon_bars)


def _refit(
    run: Run,
    dataset: Dataset,
    challenger: OutOfFold,
    hyperparameters: Hyperparameters,
    progress: Progress,
) -> Trained:
    """What ships: trained on all up to the latest calibration slice, for as many epochs as the
    folds took."""
    training, split = run.spec.training, final_split(dataset)
    epochs = max(1, round(median(each.best_epoch for each in challenger.fits)))
    return train(
        dataset, split, prepare(dataset, split.train, training.pca.variance, training.seed),
        training, hyperparameters, epochs, training.seed,
        lambda epoch: progress.report(
            Stage.REFIT, epoch.number / epochs,
            f"refit epoch {epoch.number}/{epochs} loss {epoch.train:.4f}",
        ),
    )  # fmt: skip


def _judge(
    run: Run,
    dataset: Dataset,
    data: DataRange,
    hyperparameters: Hyperparameters,
    challenger: OutOfFold,
    shipped: Trained,
    variants: tuple[Variant, ...],
    comparison: Comparison,
) -> Evidence:
    """On the seed whose directional gain is the median: neither the luckiest nor the worst."""
    training = run.spec.training
    by_seed = {
        seed: measure(each, training.horizon_bars, dataset.bar_milliseconds, training.seed)
        for seed, each in challenger.by_seed.items()
    }
    ranked = sorted(by_seed, key=lambda seed: by_seed[seed]["direction_gain"])
    middle = ranked[(len(ranked) - 1) // 2]
    worst_export = max(challenger.export_difference, shipped.export_difference)
    normaliser = shipped.pipeline.normaliser
    return Evidence(
        model=run.model,
        job=run.job,
        trained_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        spec=run.spec,
        data=data,
        hyperparameters=hyperparameters,
        gate=judge(by_seed[middle], worst_export, comparison),
        metrics=by_seed[middle],
        seed_metrics=by_seed,
        forecasts=challenger.by_seed[middle],
        fits=(
            *challenger.fits,
            shipped.described("refit", training.seed, dataset, final_split(dataset)),
        ),
        variants=variants,
        spectrum=shipped.prepared.spectrum,
        loadings=np.asarray(normaliser.components),
    )
