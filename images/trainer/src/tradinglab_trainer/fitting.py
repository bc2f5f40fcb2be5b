"""Fits the network over contiguous lanes and keeps the weights of the best epoch.

Called for every fold, tuning trial and refit. The history is cut into lanes that run side by side;
each step continues every lane's LSTM state, so a bar is processed once per epoch (truncated
back-propagation through time). Early stopping scores the stateless twin over windows, because that
is what will be served.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tradinglab.errors import DataError, TrainingDiverged
from tradinglab_trainer.dataset import Dataset, IntArray
from tradinglab_trainer.network import (
    Hyperparameters,
    copy_weights,
    lane_network,
    window_network,
)
from tradinglab_trainer.preparation import Prepared

STOP_WINDOWS = 1024
STOP_BATCH = 128  # all at once would cost hundreds of megabytes
PATIENCE = 4
GRADIENT_NORM = 1.0
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


@dataclass(frozen=True)
class Epoch:
    """`train`: the weighted loss that is minimised; `stop`: the score of the early-stopping slice,
    NaN where there is none."""

    number: int
    train: float
    stop: float


@dataclass(frozen=True)
class Fitted:
    """`network`: the stateless twin with the weights of `best_epoch`."""

    network: Any
    best_epoch: int
    best_score: float
    history: tuple[Epoch, ...]


Targets = tuple[Any, Any, Any]


def _targets(prepared: Prepared, rows: IntArray) -> Targets:
    labels = prepared.labels
    return (
        tf.constant(np.maximum(labels.classes[rows], 0), tf.int32),
        tf.constant(np.nan_to_num(labels.momentum[rows]), tf.float32),
        tf.constant(np.nan_to_num(labels.log_volatility[rows] + prepared.smearing), tf.float32),
    )


def _training_loss(
    outputs: Any, targets: Targets, weights: Any, hyperparameters: Hyperparameters
) -> Any:
    """Weighted mean of cross-entropy, Huber of momentum and squared error of log volatility."""
    logits, momentum, log_volatility = outputs
    classes, true_momentum, true_volatility = targets
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
    error = tf.abs(momentum[..., 0] - true_momentum)
    huber = tf.where(error < 1.0, 0.5 * error**2, error - 0.5)
    squared = (log_volatility[..., 0] - true_volatility) ** 2
    loss += hyperparameters.momentum_weight * huber + hyperparameters.volatility_weight * squared
    return tf.reduce_sum(loss * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def _lane_rows(start: int, stop: int, lanes: int, steps: int) -> IntArray:
    """(chunks, lanes, steps) row numbers; the oldest rows that fill no chunk are left out."""
    chunks = (stop - start) // (lanes * steps)
    rows = np.arange(stop - chunks * lanes * steps, stop).reshape(lanes, chunks, steps)
    return rows.transpose(1, 0, 2)


class _Adam:
    """Adam [Kingma & Ba 2015] by TensorFlow's fused kernel, after clipping by global norm.

    Keras' own, traced into a graph, leaves several megabytes behind with every fit.
    """

    def __init__(self, variables: list[Any], learning_rate: float) -> None:
        self._variables = variables
        self._learning_rate = learning_rate
        self._step = tf.Variable(0.0, trainable=False)
        self._moments = [
            (tf.Variable(tf.zeros_like(each)), tf.Variable(tf.zeros_like(each)))
            for each in variables
        ]

    def apply(self, gradients: list[Any]) -> None:
        clipped, _ = tf.clip_by_global_norm(gradients, GRADIENT_NORM)
        step = self._step.assign_add(1.0)
        for variable, (first, second), gradient in zip(
            self._variables, self._moments, clipped, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=first.handle, v=second.handle,
                beta1_power=BETA_1**step, beta2_power=BETA_2**step, lr=self._learning_rate,
                beta1=BETA_1, beta2=BETA_2, epsilon=EPSILON, grad=gradient,
            )  # fmt: skip


class _Lanes:
    """One epoch of training over the lanes of a slice."""

    def __init__(
        self, dataset: Dataset, prepared: Prepared, train: tuple[int, int],
        hyperparameters: Hyperparameters,
    ) -> None:  # fmt: skip
        steps = dataset.window_bars
        count = prepared.pipeline.normaliser.component_count
        self.network = lane_network(hyperparameters, count, steps)
        self._memory = self.network.get_layer("memory")
        variables = [each.value for each in self.network.trainable_variables]
        adam = _Adam(variables, hyperparameters.learning_rate)
        rows = _lane_rows(*train, hyperparameters.lanes, steps)
        self._chunks = len(rows)
        inputs = (
            tf.constant(prepared.components[rows], tf.float32),
            tf.constant(prepared.baseline[rows][..., None], tf.float32),
        )
        targets = _targets(prepared, rows)
        weights = tf.constant(dataset.usable[rows], tf.float32)

        @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
        def step(chunk: Any) -> Any:
            with tf.GradientTape() as tape:
                outputs = self.network([part[chunk] for part in inputs], training=True)
                loss = _training_loss(
                    outputs, tuple(part[chunk] for part in targets), weights[chunk], hyperparameters
                )
                total = loss + tf.add_n(self.network.losses)
            adam.apply(tape.gradient(total, variables))
            return loss

        self._step = step

    def epoch(self) -> float:
        """The mean loss of its chunks."""
        self._memory.reset_state()
        losses = [self._step(tf.constant(chunk)) for chunk in range(self._chunks)]
        return float(np.mean(losses))


class _StopScore:
    """Joint negative log-likelihood of class and log volatility, in nats: nothing to weigh.

    Log volatility counts as normal about the forecast with the slice's own mean squared error.
    Momentum is left out: it says again what the classes say.
    """

    def __init__(
        self, dataset: Dataset, prepared: Prepared, stop: tuple[int, int], network: Any
    ) -> None:
        rows = dataset.rows(*stop)
        rows = rows[:: max(1, len(rows) // STOP_WINDOWS)]
        self._batches = []
        for start in range(0, len(rows) - len(rows) % STOP_BATCH or len(rows), STOP_BATCH):
            batch = rows[start : start + STOP_BATCH]
            windows = tf.constant(prepared.windows(batch))
            baseline = tf.constant(prepared.baseline[batch][:, None], tf.float32)
            classes, _, volatility = _targets(prepared, batch)
            self._batches.append((windows, baseline, classes, volatility))

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def errors(windows: Any, baseline: Any, classes: Any, volatility: Any) -> Any:
            outputs = network([windows, baseline], training=False)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, outputs["logits"])
            return loss, (outputs["log_volatility"][:, 0] - volatility) ** 2

        self._errors = errors

    def __call__(self) -> float:
        if not self._batches:
            return float("nan")
        losses, squares = zip(*(self._errors(*batch) for batch in self._batches), strict=True)
        squared = float(np.concatenate(squares).mean())
        return float(np.concatenate(losses).mean()) + 0.5 * float(np.log(squared))


def fit(
    dataset: Dataset,
    prepared: Prepared,
    train: tuple[int, int],
    stop: tuple[int, int],
    hyperparameters: Hyperparameters,
    epochs: int,
    seed: int,
    on_epoch: Callable[[Epoch], None],
) -> Fitted:
    """Trains at most `epochs`; with an empty `stop` exactly `epochs`, keeping the last weights.

    A short history gets fewer lanes. Raises DataError when not even one chunk fits, and
    TrainingDiverged when no epoch ended in finite numbers.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    steps = dataset.window_bars
    lanes = min(hyperparameters.lanes, (train[1] - train[0]) // steps)
    if lanes < 1:
        raise DataError(
            f"training slice has {train[1] - train[0]} bars, expected at least one window of "
            f"{steps}: market.history is too short for training.windowBars"
        )
    training = _Lanes(dataset, prepared, train, replace(hyperparameters, lanes=lanes))
    count = prepared.pipeline.normaliser.component_count
    twin = window_network(hyperparameters, count, steps)
    stop_score = _StopScore(dataset, prepared, stop, twin)
    best_score, best_epoch, best_weights = np.inf, 0, twin.get_weights()
    history: list[Epoch] = []
    for number in range(1, epochs + 1):
        loss = training.epoch()
        copy_weights(training.network, twin)
        epoch = Epoch(number, loss, stop_score())
        history.append(epoch)
        on_epoch(epoch)
        if stop[0] == stop[1] or epoch.stop < best_score:
            best_score, best_epoch, best_weights = epoch.stop, number, twin.get_weights()
        elif number - best_epoch >= PATIENCE:
            break
    if not best_epoch or not np.isfinite(history[best_epoch - 1].train):
        raise TrainingDiverged(
            f"no finite loss in {len(history)} epochs; the last: train {history[-1].train}, "
            f"stop {history[-1].stop}, with {hyperparameters}"
        )
    twin.set_weights(best_weights)
    return Fitted(twin, best_epoch, best_score, tuple(history))
