"""Writes the trained network as an ONNX graph. Called for every fold and the shipped model.

The graph is built from the weights, operator by operator: the same weights give the same bytes,
and the attention and heads are computed for the last bar alone. `export_difference` holds it
against the network itself.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tradinglab.errors import ArtifactError
from tradinglab.features.columns import FloatArray
from tradinglab.predictor import GRAPH_OUTPUTS, Graph
from tradinglab_trainer.network import KERNEL_BARS, MOMENTUM_SCALE

EXPORT_TOLERANCE = 1e-5  # a few float32 roundings; a wrong weight makes far more
OPSET = 17
IR_VERSION = 8
Weights = NDArray[np.float32]


class _Builder:
    """Nodes and constants in the order in which they are named."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def dense(self, layer: str, inputs: str, weights: Mapping[str, list[Weights]]) -> str:
        kernel, bias = weights[layer]
        names = [
            self.constant(f"{layer}.kernel", kernel),
            self.constant(f"{layer}.bias", bias),
        ]
        product = self.node("MatMul", [inputs, names[0]], f"{layer}.product")
        return self.node("Add", [product, names[1]], f"{layer}.output")


def export_graph(network: Any) -> bytes:
    """The ONNX bytes of a window network, batch size free."""
    window, count = network.inputs[0].shape[1:]
    weights = {
        layer.name: [np.asarray(each, np.float32) for each in layer.get_weights()]
        for layer in network.layers
        if layer.weights
    }
    builder = _Builder()
    states, last = _memory(builder, weights)
    context = _attention(builder, weights, states, last)
    features = builder.node("Concat", [last, context], "features", axis=1)
    _heads(builder, weights, features)
    graph = helper.make_graph(
        builder.nodes,
        "forecast",
        [_value("components", window, count), _value("log_volatility_baseline", 1)],
        [_value(name, width) for name, width in zip(GRAPH_OUTPUTS, (4, 1, 1, window), strict=True)],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])


def _memory(builder: _Builder, weights: Mapping[str, list[Weights]]) -> tuple[str, str]:
    """Causal convolution and LSTM: all states (n, window, units) and the last (n, units)."""
    kernel, bias = weights["front"]
    rows = builder.node("Transpose", ["components"], "channels_first", perm=[0, 2, 1])
    names = [
        builder.constant("front.kernel", kernel.transpose(2, 1, 0)),
        builder.constant("front.bias", bias),
    ]
    front = builder.node("Conv", [rows, *names], "front.output", pads=[KERNEL_BARS - 1, 0])
    front = builder.node("Relu", [front], "front.rectified")
    steps = builder.node("Transpose", [front], "steps_first", perm=[2, 0, 1])
    inputs, recurrent, bias = (_gates(each) for each in weights["memory"])
    units = recurrent.shape[1]
    names = [
        builder.constant("memory.inputs", inputs[None]),
        builder.constant("memory.recurrent", recurrent[None]),
        builder.constant("memory.bias", np.concatenate((bias, np.zeros_like(bias)))[None]),
    ]
    builder.nodes.append(
        helper.make_node(
            "LSTM",
            [steps, *names],
            ["memory.steps", "memory.last"],
            name="memory",
            hidden_size=units,
        )
    )
    axis = builder.constant("direction_axis", np.array([1], np.int64))
    first = builder.constant("first_axis", np.array([0], np.int64))
    by_step = builder.node("Squeeze", ["memory.steps", axis], "memory.by_step")
    states = builder.node("Transpose", [by_step], "states", perm=[1, 0, 2])
    return states, builder.node("Squeeze", ["memory.last", first], "last")


def _gates(values: Weights) -> Weights:
    """From Keras' gates i, f, c, o along the last axis to ONNX's i, o, f, c along the first."""
    i, f, c, o = np.split(values, 4, axis=-1)
    return np.concatenate((i, o, f, c), axis=-1).T


def _attention(
    builder: _Builder, weights: Mapping[str, list[Weights]], states: str, last: str
) -> str:
    """The last state asks all states; (n, units)."""
    query = builder.dense("query", last, weights)
    key = builder.dense("key", states, weights)
    axis = builder.constant("asking_axis", np.array([1], np.int64))
    asking = builder.node("Unsqueeze", [query, axis], "asking")
    keys = builder.node("Transpose", [key], "keys", perm=[0, 2, 1])
    scores = builder.node("MatMul", [asking, keys], "scores")
    scale = builder.constant("attention.scale", weights["attention"][0])
    scaled = builder.node("Mul", [scores, scale], "scaled_scores")
    attended = builder.node("Softmax", [scaled], "attended", axis=-1)
    builder.node("Squeeze", [attended, axis], "attention")
    context = builder.node("MatMul", [attended, states], "asked_context")
    return builder.node("Squeeze", [context, axis], "context")


def _heads(builder: _Builder, weights: Mapping[str, list[Weights]], features: str) -> None:
    logits = builder.dense("logits", features, weights)
    builder.node("Identity", [logits], "logits")
    direction = builder.node(
        "Tanh", [builder.dense("momentum_unit", features, weights)], "direction"
    )
    scale = builder.constant("momentum_scale", np.array(MOMENTUM_SCALE, np.float32))
    builder.node("Mul", [direction, scale], "momentum")
    residual = builder.dense("residual", features, weights)
    builder.node("Add", ["log_volatility_baseline", residual], "log_volatility")


def export_difference(
    network: Any,
    graph: Graph,
    windows: NDArray[np.float32],
    baseline: FloatArray,
    seed: int,
) -> float:
    """The largest absolute difference between trained and exported network on these windows and
    on as many random ones."""
    random = np.random.default_rng(seed).normal(0, 2, windows.shape).astype(np.float32)
    worst = 0.0
    for components in (windows, random):
        expected = network([components, baseline[:, None].astype(np.float32)])
        found = graph.run(components, baseline)
        if set(found) != set(expected):
            raise ArtifactError(
                f"exported graph has outputs {set(found)}, expected {set(expected)}"
            )
        for name, values in found.items():
            difference = np.abs(np.asarray(expected[name]).reshape(values.shape) - values).max()
            worst = max(worst, float(difference))
    return worst
