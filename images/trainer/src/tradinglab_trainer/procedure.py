"""The training procedure, judged by walk-forward: fit, calibrate, export, forecast out of fold.

Called by the run for the challenger and, with its hyper-parameters, for the champion. Every
forecast is made by the exported graph through the predictor's own code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tradinglab.evaluation.metrics import log_losses
from tradinglab.features.columns import FloatArray
from tradinglab.features.pipeline import Pipeline
from tradinglab.predictor import Graph
from tradinglab.resource.spec import TrainingSpec
from tradinglab_trainer.calibration import fit_temperature
from tradinglab_trainer.dataset import Dataset, Fold, IntArray
from tradinglab_trainer.evidence import FoldFit
from tradinglab_trainer.export import export_difference, export_graph
from tradinglab_trainer.fitting import Epoch, Fitted, fit
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.preparation import Prepared, logit_probabilities, prepare
from tradinglab_trainer.scored import ScoredForecasts, pooled, score

DIFFERENCE_WINDOWS = 256
OnEpoch = Callable[[str, Epoch], None]


@dataclass(frozen=True)
class Trained:
    """One fitted, calibrated and exported model of one fold."""

    prepared: Prepared
    pipeline: Pipeline
    fitted: Fitted
    graph_content: bytes
    export_difference: float

    def raw_outputs(self, rows: IntArray) -> dict[str, FloatArray]:
        """What the exported graph answers, before calibration."""
        return Graph(self.graph_content).run(
            self.prepared.windows(rows), self.prepared.baseline[rows]
        )

    def scored(self, dataset: Dataset, rows: IntArray) -> ScoredForecasts:
        prepared = self.prepared
        return score(
            dataset, prepared, rows, self.raw_outputs(rows), self.pipeline,
            prepared.class_mean_returns, prepared.prior,
            logit_probabilities(prepared.logit, prepared.components[rows]),
        )  # fmt: skip

    def described(self, name: str, seed: int, dataset: Dataset, fold: Fold) -> FoldFit:
        def times(piece: tuple[int, int]) -> tuple[int, int] | None:
            start, stop = piece
            if start == stop:
                return None
            return int(dataset.times[start]), int(dataset.times[stop - 1])

        train, calibration = times(fold.train), times(fold.calibration)
        if train is None or calibration is None:
            raise ValueError(f"{name}: an empty training or calibration slice was fitted")
        return FoldFit(
            name=name,
            seed=seed,
            train=train,
            stop=times(fold.stop),
            calibration=calibration,
            test=times(fold.test),
            history=self.fitted.history,
            best_epoch=self.fitted.best_epoch,
            temperature=self.pipeline.temperature,
            component_count=self.pipeline.normaliser.component_count,
        )


@dataclass(frozen=True)
class OutOfFold:
    """One procedure's forecasts of every fold's test slice, pooled in time order, by seed."""

    by_seed: dict[int, ScoredForecasts]
    fits: tuple[FoldFit, ...]
    export_difference: float

    @property
    def mean_log_losses(self) -> FloatArray:
        """(n,), over the seeds: what the procedure is to be expected to lose."""
        losses = [log_losses(each.probabilities, each.classes) for each in self.by_seed.values()]
        return np.asarray(np.mean(losses, axis=0), np.float64)


def train(
    dataset: Dataset,
    fold: Fold,
    prepared: Prepared,
    training: TrainingSpec,
    hyperparameters: Hyperparameters,
    epochs: int,
    seed: int,
    on_epoch: Callable[[Epoch], None],
) -> Trained:
    """Fits on the fold's train and stop slices, calibrates, exports."""
    fitted = fit(dataset, prepared, fold.train, fold.stop, hyperparameters, epochs, seed, on_epoch)
    content = export_graph(fitted.network)
    rows = dataset.rows(*fold.calibration)
    graph = Graph(content)
    logits = graph.run(prepared.windows(rows), prepared.baseline[rows])["logits"]
    temperature = fit_temperature(
        logits,
        prepared.labels.classes[rows],
        training.calibration.epochs,
        training.horizon_bars,
    )
    chosen = rows[np.linspace(0, len(rows) - 1, DIFFERENCE_WINDOWS).astype(int)]
    difference = export_difference(
        fitted.network, graph, prepared.windows(chosen), prepared.baseline[chosen], seed
    )
    pipeline = replace(prepared.pipeline, temperature=temperature)
    return Trained(prepared, pipeline, fitted, content, difference)


def walk(
    dataset: Dataset,
    folds: list[Fold],
    training: TrainingSpec,
    hyperparameters: Hyperparameters,
    on_epoch: OnEpoch,
) -> OutOfFold:
    """Trains once per fold and seed."""
    seeds = range(training.seed, training.seed + training.repeats)
    parts: dict[int, list[ScoredForecasts]] = {seed: [] for seed in seeds}
    fits, differences = [], []
    for number, fold in enumerate(folds, 1):
        prepared = prepare(dataset, fold.train, training.pca.variance, training.seed)
        for repeat, seed in enumerate(seeds, 1):
            name = f"fold {number}/{len(folds)} seed {repeat}/{len(seeds)}"
            trained = train(
                dataset, fold, prepared, training, hyperparameters, training.epochs, seed,
                lambda epoch, name=name: on_epoch(name, epoch),  # type: ignore[misc]
            )  # fmt: skip
            parts[seed].append(trained.scored(dataset, dataset.rows(*fold.test)))
            fits.append(trained.described(f"fold {number}", seed, dataset, fold))
            differences.append(trained.export_difference)
    return OutOfFold(
        {seed: pooled(each) for seed, each in parts.items()}, tuple(fits), max(differences)
    )
