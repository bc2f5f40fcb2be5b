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

EXPORT_TOLERANCE = 1e-4


def export_graph(network: Any) -> bytes:
    """The ONNX bytes of a window network, batch size free."""
    window, count = network.inputs[0].shape[1:]
    network([np.zeros((1, window, count), np.float32), np.zeros((1, 1), np.float32)])
    with tempfile.TemporaryDirectory() as directory, redirect_stdout(io.StringIO()):
        path = Path(directory) / "model.onnx"
        network.export(path, format="onnx", verbose=False)
        return path.read_bytes()


def export_difference(
    network: Any, graph: Graph, windows: NDArray[np.float32], baseline: FloatArray
) -> float:
    """The largest absolute difference between trained and exported network on these windows."""
    expected = network([windows, baseline[:, None].astype(np.float32)])
    found = graph.run(windows, baseline)
    if set(found) != set(expected):
        raise ArtifactError(f"exported graph has outputs {set(found)}, expected {set(expected)}")
    return max(
        float(np.abs(np.asarray(expected[name]).reshape(found[name].shape) - found[name]).max())
        for name in found
    )
