"""Exports the stateless network as an ONNX graph. Called for every fold and the shipped model."""

import io
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradinglab.errors import ArtifactError
from tradinglab.features.columns import FloatArray
from tradinglab.predictor import Graph

EXPORT_TOLERANCE = 1e-5  # a few float32 roundings; a wrong weight makes far more


def export_graph(network: Any) -> bytes:
    """The ONNX bytes of a window network, batch size free."""
    window, count = network.inputs[0].shape[1:]
    network([np.zeros((1, window, count), np.float32), np.zeros((1, 1), np.float32)])
    with tempfile.TemporaryDirectory() as directory, redirect_stdout(io.StringIO()):
        path = Path(directory) / "model.onnx"
        network.export(path, format="onnx", verbose=False)
        return path.read_bytes()


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
