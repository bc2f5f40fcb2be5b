"""The network: causal Conv1D → LSTM → causal attention → three heads.

Built twice by the fitting loop with the same weights: stateful over lanes for training, stateless
over windows for serving and for every number that is reported.
"""

from dataclasses import asdict, dataclass
from typing import Any

import keras

KERNEL_BARS = 3
MOMENTUM_SCALE = 4.0


@dataclass(frozen=True)
class Hyperparameters:
    """What tuning chooses. `lanes`: contiguous pieces of history trained side by side; the weights
    are those of the momentum and volatility heads' losses beside the classes' cross-entropy."""

    filters: int = 32
    lstm_units: int = 64
    dropout: float = 0.3
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    lanes: int = 16
    momentum_weight: float = 0.2
    volatility_weight: float = 0.5

    def as_dict(self) -> dict[str, float | int | str]:
        return asdict(self)


def _memory(components: Any, hyperparameters: Hyperparameters, stateful: bool) -> Any:
    """(batch, steps, units): what the LSTM holds after each step."""
    h = hyperparameters
    regulariser = keras.regularizers.L2(h.weight_decay)
    x = keras.layers.Conv1D(
        h.filters, KERNEL_BARS, padding="causal", activation="relu",
        kernel_regularizer=regulariser, name="front",
    )(components)  # fmt: skip
    x = keras.layers.Dropout(h.dropout, name="front_dropout")(x)
    return keras.layers.LSTM(
        h.lstm_units, return_sequences=True, stateful=stateful,
        kernel_regularizer=regulariser, name="memory",
    )(x)  # fmt: skip


def _heads(
    asking: Any, states: Any, baseline: Any, hyperparameters: Hyperparameters, causal: bool
) -> tuple[Any, Any, Any, Any]:
    """Outputs at the steps `asking` (batch, asked, units), and their attention over `states`."""
    h = hyperparameters
    regulariser = keras.regularizers.L2(h.weight_decay)
    query = keras.layers.Dense(h.lstm_units // 2, name="query")(asking)
    key = keras.layers.Dense(h.lstm_units // 2, name="key")(states)
    context, attention = keras.layers.Attention(use_scale=True, name="attention")(
        [query, states, key], return_attention_scores=True, use_causal_mask=causal
    )
    features = keras.layers.Concatenate(name="features")([asking, context])
    features = keras.layers.Dropout(h.dropout, name="head_dropout")(features)
    logits = keras.layers.Dense(4, kernel_regularizer=regulariser, name="logits")(features)
    direction = keras.layers.Dense(1, activation="tanh", name="momentum_unit")(features)
    momentum = keras.layers.Rescaling(MOMENTUM_SCALE, name="momentum")(direction)
    # the residual starts at zero: an untrained volatility head is log-HAR itself
    residual = keras.layers.Dense(
        1, kernel_initializer="zeros", kernel_regularizer=regulariser, name="residual"
    )(features)
    log_volatility = keras.layers.Add(name="log_volatility")([baseline, residual])
    return logits, momentum, log_volatility, attention


def lane_network(hyperparameters: Hyperparameters, component_count: int, steps: int) -> Any:
    """Trains: (lanes, steps, k) and baselines (lanes, steps, 1) → outputs at every step."""
    lanes = hyperparameters.lanes
    components = keras.Input(batch_shape=(lanes, steps, component_count), name="components")
    baseline = keras.Input(batch_shape=(lanes, steps, 1), name="log_volatility_baseline")
    states = _memory(components, hyperparameters, stateful=True)
    logits, momentum, log_volatility, _ = _heads(
        states, states, baseline, hyperparameters, causal=True
    )
    return keras.Model([components, baseline], [logits, momentum, log_volatility])


def window_network(hyperparameters: Hyperparameters, component_count: int, window: int) -> Any:
    """Serves: (n, window, k) and baseline (n, 1) → outputs at the last step, and its attention."""
    components = keras.Input(shape=(window, component_count), name="components")
    baseline = keras.Input(shape=(1,), name="log_volatility_baseline")
    states = _memory(components, hyperparameters, stateful=False)
    outputs = _heads(states[:, -1:], states, baseline[:, None], hyperparameters, causal=False)
    names = ("logits", "momentum", "log_volatility", "attention")
    last = {name: output[:, 0] for name, output in zip(names, outputs, strict=True)}
    return keras.Model([components, baseline], last)


def copy_weights(source: Any, target: Any) -> None:
    """By layer name: the two networks differ in state and in layers without weights only."""
    for layer in target.layers:
        if layer.weights:
            for mine, theirs in zip(
                layer.trainable_weights, source.get_layer(layer.name).trainable_weights, strict=True
            ):
                mine.assign(theirs)
