"""Fits the network over contiguous lanes and keeps the weights of the best epoch.

Called for every fold, tuning trial and refit. The history is cut into lanes that run side by side;
each step continues every lane's LSTM state, so a bar is processed once per epoch (truncated
back-propagation through time). The early-stopping loss is that of the stateless twin over windows,
because that is what will be served.
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

MOMENTUM_WEIGHT = 0.2
VOLATILITY_WEIGHT = 0.5
STOP_WINDOWS = 1024
PATIENCE = 4
GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Epoch:
    """Losses after an epoch; `stop` is NaN where there is no slice to stop on."""

    number: int
    train: float
    stop: float


@dataclass(frozen=True)
class Fitted:
    """`network`: the stateless twin with the weights of `best_epoch`."""

    network: Any
    best_epoch: int
    best_loss: float
    history: tuple[Epoch, ...]


def _joint_loss(outputs: Any, targets: Any, weights: Any) -> Any:
    """Weighted mean of cross-entropy + Huber of momentum + squared error of log volatility."""
    logits, momentum, log_volatility = outputs
    classes, true_momentum, true_volatility = targets
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
    error = tf.abs(momentum[..., 0] - true_momentum)
    huber = tf.where(error < 1.0, 0.5 * error**2, error - 0.5)
    squared = (log_volatility[..., 0] - true_volatility) ** 2
    loss = loss + MOMENTUM_WEIGHT * huber + VOLATILITY_WEIGHT * squared
    return tf.reduce_sum(loss * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def _targets(prepared: Prepared, rows: IntArray) -> tuple[Any, Any, Any]:
    labels = prepared.labels
    return (
        np.maximum(labels.classes[rows], 0).astype(np.int32),
        np.nan_to_num(labels.momentum[rows]).astype(np.float32),
        np.nan_to_num(labels.log_volatility[rows] + prepared.smearing).astype(np.float32),
    )


def _lane_rows(start: int, stop: int, lanes: int, steps: int) -> IntArray:
    """(chunks, lanes, steps) row numbers; the oldest rows that fill no chunk are left out."""
    chunks = (stop - start) // (lanes * steps)
    rows = np.arange(stop - chunks * lanes * steps, stop).reshape(lanes, chunks, steps)
    return rows.transpose(1, 0, 2)


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
    TrainingDiverged when no epoch ended in a finite loss.
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
    hyperparameters = replace(hyperparameters, lanes=lanes)
    count = prepared.pipeline.normaliser.component_count
    lane = lane_network(hyperparameters, count, steps)
    twin = window_network(hyperparameters, count, steps)
    optimizer = keras.optimizers.Adam(hyperparameters.learning_rate, global_clipnorm=GRADIENT_NORM)
    optimizer.build(lane.trainable_variables)
    rows = _lane_rows(*train, hyperparameters.lanes, steps)
    inputs = (
        tf.constant(prepared.components[rows], tf.float32),
        tf.constant(prepared.baseline[rows][..., None], tf.float32),
    )
    targets = tuple(tf.constant(part) for part in _targets(prepared, rows))
    weights = tf.constant(dataset.usable[rows], tf.float32)

    @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
    def step(chunk: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = lane([part[chunk] for part in inputs], training=True)
            loss = _joint_loss(outputs, [part[chunk] for part in targets], weights[chunk])
            total = loss + tf.add_n(lane.losses)
        gradients = tape.gradient(total, lane.trainable_variables)
        optimizer.apply(gradients, lane.trainable_variables)
        return loss

    stop_rows = dataset.rows(*stop)
    stop_rows = stop_rows[:: max(1, len(stop_rows) // STOP_WINDOWS)]
    stop_inputs = (
        (
            tf.constant(prepared.windows(stop_rows)),
            tf.constant(prepared.baseline[stop_rows][:, None], tf.float32),
        )
        if len(stop_rows)
        else ()
    )
    stop_targets = _targets(prepared, stop_rows)

    @tf.function  # type: ignore[untyped-decorator]
    def stop_loss() -> Any:
        outputs = twin(list(stop_inputs), training=False)
        chosen = (outputs["logits"], outputs["momentum"], outputs["log_volatility"])
        return _joint_loss(chosen, stop_targets, tf.ones(len(stop_rows)))

    best_loss, best_epoch, best_weights = np.inf, 0, twin.get_weights()
    history: list[Epoch] = []
    for number in range(1, epochs + 1):
        lane.get_layer("memory").reset_state()
        losses = [step(tf.constant(chunk)) for chunk in range(len(rows))]
        copy_weights(lane, twin)
        found = float(stop_loss()) if len(stop_rows) else float("nan")
        epoch = Epoch(number, float(np.mean(losses)), found)
        history.append(epoch)
        on_epoch(epoch)
        if not len(stop_rows) or found < best_loss:
            best_loss, best_epoch, best_weights = found, number, twin.get_weights()
        elif number - best_epoch >= PATIENCE:
            break
    if not best_epoch or not np.isfinite(history[best_epoch - 1].train):
        raise TrainingDiverged(
            f"no finite loss in {len(history)} epochs; the last: train {history[-1].train}, "
            f"stop {history[-1].stop}, with {hyperparameters}"
        )
    twin.set_weights(best_weights)
    return Fitted(twin, best_epoch, best_loss, tuple(history))
