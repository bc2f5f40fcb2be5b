"""How fast one forecast is made in process beside Keras `predict` on a network of the same shape.

python -m tests.bench.predictor_bench
"""

import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from tests.api.artifacts import history, small_artifact

from tradinglab.predictor import Predictor

CALLS, KERAS_CALLS = 500, 20


def milliseconds(call, times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - started))
    return sorted(taken)


def trained_network(window: int, count: int):
    """Untrained weights cost as much as trained ones."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    from tradinglab_trainer.network import Hyperparameters, window_network

    return window_network(Hyperparameters(), count, window)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        predictor = Predictor.load(small_artifact(Path(directory), 1))
        rows = history(predictor.facts.lookback_bars)[0][None]
        whole = milliseconds(lambda: predictor.outputs(rows), CALLS)
        prepared = milliseconds(lambda: predictor.pipeline.window(rows[0]), CALLS)
    window, count = predictor.pipeline.window_bars, predictor.pipeline.normaliser.component_count
    network = trained_network(window, count)
    inputs = [np.zeros((1, window, count), np.float32), np.zeros((1, 1), np.float32)]
    network.predict(inputs, verbose=0)
    keras = milliseconds(lambda: network.predict(inputs, verbose=0), KERAS_CALLS)

    from tradinglab.predictor import Graph
    from tradinglab_trainer.export import export_graph

    graph = Graph(export_graph(network))
    components, baseline = np.zeros((1, window, count)), np.zeros(1)
    run = milliseconds(lambda: graph.run(components, baseline), CALLS)
    total = median(run) + median(prepared)
    print(
        f"predictor one window: normalise and PCA {median(prepared):.3f} ms, graph "
        f"{median(run):.3f} ms; Keras predict of the graph alone {median(keras):.1f} ms; "
        f"ratio {median(keras) / total:.0f} (whole path of a tiny artifact {median(whole):.3f} ms)"
    )


if __name__ == "__main__":
    main()
