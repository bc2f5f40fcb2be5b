"""The training procedure, judged by walk-forward: fit, calibrate, export, forecast out of fold.

Called by the run for the challenger and, with its hyper-parameters, for the champion. Every
forecast is made by the exported graph through the predictor's own code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from tradinglab.features.columns import FloatArray
from tradinglab.features.pipeline import Pipeline
from tradinglab.features.volatility import log_returns
from tradinglab.predictor import Graph, Outputs, interpret
from tradinglab.resource.spec import TrainingSpec
from tradinglab_trainer.calibration import fit_temperature
from tradinglab_trainer.dataset import Dataset, Fold, IntArray
from tradinglab_trainer.export import export_difference, export_graph
from tradinglab_trainer.fitting import Epoch, Fitted, fit
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.preparation import Prepared, prepare

EWMA_DECAY = 0.94
EWMA_BARS = 500
OnEpoch = Callable[[int, Epoch], None]


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

    def outputs(self, rows: IntArray) -> Outputs:
        return interpret(self.raw_outputs(rows), self.pipeline)


@dataclass(frozen=True)
class OutOfFold:
    """Pooled test forecasts in time order, with what came and what the baselines said.

    All (n,) or (n, 4). `expected_returns`: of the horizon, before costs; volatilities are logs.
    """

    rows: IntArray
    classes: IntArray
    returns: FloatArray
    probabilities: FloatArray
    uncalibrated: FloatArray
    prior: FloatArray
    logit: FloatArray
    expected_returns: FloatArray
    volatility: FloatArray
    har: FloatArray
    ewma: FloatArray
    realised: FloatArray
    best_epochs: tuple[int, ...]
    export_difference: float


def train(
    dataset: Dataset,
    fold: Fold,
    training: TrainingSpec,
    hyperparameters: Hyperparameters,
    epochs: int,
    on_epoch: Callable[[Epoch], None],
) -> Trained:
    """Everything that is fitted, on the fold's train, stop and calibration slices."""
    prepared = prepare(dataset, fold.train, training.pca.variance, training.seed)
    fitted = fit(
        dataset, prepared, fold.train, fold.stop, hyperparameters, epochs, training.seed, on_epoch
    )
    content = export_graph(fitted.network)
    rows = dataset.rows(*fold.calibration)
    windows, baseline = prepared.windows(rows), prepared.baseline[rows]
    graph = Graph(content)
    logits = graph.run(windows, baseline)["logits"]
    temperature = fit_temperature(
        logits, prepared.labels.classes[rows], training.calibration.epochs
    )
    difference = export_difference(fitted.network, graph, windows[:256], baseline[:256])
    pipeline = replace(prepared.pipeline, temperature=temperature)
    return Trained(prepared, pipeline, fitted, content, difference)


def ewma_log_volatility(close: FloatArray) -> FloatArray:
    """RiskMetrics EWMA(0.94) of squared log returns, truncated where it no longer counts."""
    weights = (1 - EWMA_DECAY) * EWMA_DECAY ** np.arange(EWMA_BARS)
    variance = np.convolve(log_returns(close) ** 2, weights)[: len(close)]
    return np.asarray(0.5 * np.log(np.maximum(variance, 1e-10)), np.float64)


def _logit_probabilities(prepared: Prepared, train: IntArray, test: IntArray) -> FloatArray:
    """Multinomial logit on the same components of the same bar: what depth must beat."""
    model = LogisticRegression(max_iter=300).fit(
        prepared.components[train], prepared.labels.classes[train]
    )
    return np.asarray(model.predict_proba(prepared.components[test]), np.float64)


def judge_out_of_fold(
    dataset: Dataset,
    folds: list[Fold],
    training: TrainingSpec,
    hyperparameters: Hyperparameters,
    on_epoch: OnEpoch,
) -> OutOfFold:
    """Trains once per fold and pools the forecasts of the test slices."""
    ewma = ewma_log_volatility(dataset.close)
    pooled: list[dict[str, FloatArray | IntArray]] = []
    epochs, differences = [], []
    for number, fold in enumerate(folds):
        trained = train(
            dataset, fold, training, hyperparameters, training.epochs,
            lambda epoch, number=number: on_epoch(number, epoch),  # type: ignore[misc]
        )  # fmt: skip
        prepared, rows = trained.prepared, dataset.rows(*fold.test)
        raw = trained.raw_outputs(rows)
        outputs = interpret(raw, trained.pipeline)
        horizon_volatility = np.exp(outputs.log_volatility) * np.sqrt(dataset.horizon_bars)
        pooled.append(
            {
                "rows": rows,
                "classes": prepared.labels.classes[rows],
                "returns": dataset.returns[rows],
                "probabilities": outputs.probabilities,
                "uncalibrated": prepared.pipeline.probabilities(raw["logits"]),
                "prior": np.tile(prepared.prior, (len(rows), 1)),
                "logit": _logit_probabilities(prepared, dataset.rows(*fold.train), rows),
                "expected_returns": outputs.probabilities
                @ prepared.class_mean_returns
                * horizon_volatility,
                "volatility": outputs.log_volatility,
                "har": prepared.baseline[rows],
                "ewma": ewma[rows],
                "realised": dataset.future_log_volatility[rows],
            }
        )
        epochs.append(trained.fitted.best_epoch)
        differences.append(trained.export_difference)
    joined = {name: np.concatenate([part[name] for part in pooled]) for name in pooled[0]}
    return OutOfFold(**joined, best_epochs=tuple(epochs), export_difference=max(differences))
