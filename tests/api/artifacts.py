"""A real artifact in miniature: a small ONNX graph and pipeline, written by the product's writer.

Used where an API is started but training a network would take too long.
"""

import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.artifact.example_manifest import example_manifest
from tests.market_data import synthetic_bars

from tradinglab.artifact.manifest import DataRange, FileEntry, Manifest
from tradinglab.artifact.store import Artifact, runs_directory, write_artifact
from tradinglab.features.normaliser import Normaliser, robust_scale, stationary
from tradinglab.features.pipeline import Pipeline, specification_sha256
from tradinglab.features.snapshot import compute_snapshots
from tradinglab.predictor import (
    GOLDEN_FILE,
    GRAPH_FILE,
    PIPELINE_FILE,
    Graph,
    golden_content,
    interpret,
)

MODEL = "tests/btc"
HOUR = 3_600_000
WINDOW, COMPONENTS, HORIZON = 8, 5, 12
REFERENCE_WINDOW, REFERENCE_COMPONENTS = 64, 8


def small_graph(seed: int) -> bytes:
    """Mean over the window, then one linear layer per head; attention is uniform."""
    rng = np.random.default_rng(seed)

    def constant(name, values):
        return numpy_helper.from_array(np.asarray(values), name)

    nodes = [
        helper.make_node("ReduceMean", ["components", "time_axis"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "class_weights"], ["logits"]),
        helper.make_node("MatMul", ["mean", "momentum_weights"], ["momentum"]),
        helper.make_node("Identity", ["log_volatility_baseline"], ["log_volatility"]),
        helper.make_node("ReduceMean", ["components", "width_axis"], ["narrow"], keepdims=0),
        helper.make_node("Mul", ["narrow", "zero"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["attention"], axis=1),
    ]
    weights = [
        constant("time_axis", np.array([1], np.int64)),
        constant("width_axis", np.array([2], np.int64)),
        constant("zero", np.zeros(1, np.float32)),
        constant("class_weights", rng.normal(0, 0.4, (COMPONENTS, 4)).astype(np.float32)),
        constant("momentum_weights", rng.normal(0, 0.4, (COMPONENTS, 1)).astype(np.float32)),
    ]

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

    graph = helper.make_graph(
        nodes,
        "small",
        [value("components", WINDOW, COMPONENTS), value("log_volatility_baseline", 1)],
        [
            value("logits", 4),
            value("momentum", 1),
            value("log_volatility", 1),
            value("attention", WINDOW),
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model.SerializeToString()


def reference_network():
    """32 filters, 64 units, windows of 64 bars, untrained: that costs as much as trained."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    from tradinglab_trainer.network import Hyperparameters, window_network

    hyperparameters = Hyperparameters(filters=32, lstm_units=64)
    return window_network(hyperparameters, REFERENCE_COMPONENTS, REFERENCE_WINDOW)


def small_pipeline(
    snapshots: np.ndarray, seed: int, window: int = WINDOW, components: int = COMPONENTS
) -> Pipeline:
    rows = stationary(snapshots)
    rows = rows[np.isfinite(rows).all(axis=1)]
    medians, scales = robust_scale(rows)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(12, 12)))
    scaled = np.clip((rows - medians) / scales, -5, 5)
    normaliser = Normaliser(medians, scales, scaled.mean(axis=0), rotation[:components])
    return Pipeline(HOUR, window, normaliser, np.array([-0.5, 0.3, 0.3, 0.3]), 0.7, 1.5)


def history(lookback_bars: int, seed: int = 9) -> tuple[np.ndarray, int]:
    """`lookback_bars` rows as the bot would send them, and the last row's open time."""
    bars = synthetic_bars(lookback_bars, seed)
    return compute_snapshots(bars).to_numpy(), int(bars.index[-1])


def small_artifact(
    volume: Path, seed: int = 1, replaced: dict[str, bytes] | None = None
) -> Artifact:
    """Another seed gives another model with another digest on the same volume.

    `replaced` files are written in place of the right ones, with hashes that fit.
    """
    snapshots, data = _history_of_training(seed)
    pipeline = small_pipeline(snapshots, seed)
    return _written(volume, seed, snapshots, data, pipeline, small_graph(seed), replaced or {})


def reference_artifact(volume: Path, network: object = None) -> Artifact:
    """The size of network that the product's figures are measured with, its own unless given."""
    from tradinglab_trainer.export import export_graph

    graph = export_graph(network or reference_network())
    snapshots, data = _history_of_training(seed=1)
    pipeline = small_pipeline(snapshots, 1, REFERENCE_WINDOW, REFERENCE_COMPONENTS)
    return _written(volume, 1, snapshots, data, pipeline, graph, {})


def _history_of_training(seed: int) -> tuple[np.ndarray, DataRange]:
    bars = synthetic_bars(1500, seed)
    data = DataRange(
        start=int(bars.index[0]), end=int(bars.index[-1]), bars=len(bars), sha256="0" * 64
    )
    return compute_snapshots(bars).to_numpy(), data


def _written(
    volume: Path,
    seed: int,
    snapshots: np.ndarray,
    data: DataRange,
    pipeline: Pipeline,
    graph: bytes,
    replaced: dict[str, bytes],
) -> Artifact:
    golden = np.stack(
        [snapshots[-pipeline.lookback_bars :], snapshots[-pipeline.lookback_bars - 1 : -1]]
    )
    windows = [pipeline.window(rows) for rows in golden]
    raw = Graph(graph).run(
        np.stack([window for window, _ in windows]), np.array([base for _, base in windows])
    )
    files = {
        GRAPH_FILE: graph,
        PIPELINE_FILE: pipeline.encoded(),
        GOLDEN_FILE: golden_content(golden, interpret(raw, pipeline)),
        **replaced,
    }

    def manifest_with(entries: dict[str, FileEntry]) -> Manifest:
        return example_manifest(
            entries,
            model=MODEL,
            window_bars=pipeline.window_bars,
            lookback_bars=pipeline.lookback_bars,
            component_count=pipeline.normaliser.component_count,
            specification_sha256=specification_sha256(HORIZON, pipeline.window_bars),
            data=data,
            seeds=(seed,),
            horizon_bars=HORIZON,
        )

    return write_artifact(runs_directory(volume, MODEL), files, manifest_with)
