"""How fast forecasts are made in process beside Keras `predict` on the very same weights.

    python -m tests.bench.predictor_bench

The network is the reference: 32 filters, 64 units, windows of 64 bars.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from tests.api.artifacts import MODEL, history, reference_artifact, reference_network
from tests.bench.results import record

from tradinglab.features.rolling import RollingWindow
from tradinglab.predictor import Predictor

CALLS, KERAS_CALLS = 1000, 30


def milliseconds(call, times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def one_window(predictor: Predictor, network) -> None:
    rows, _ = history(predictor.facts.lookback_bars)
    rolling = RollingWindow(predictor.pipeline, rows)

    def next_row() -> None:
        rolling.append(rows[-1])
        components, baseline = rolling.window()
        predictor.outputs_of_windows(components[None], np.array([baseline]))

    whole = milliseconds(lambda: predictor.outputs(rows[None]), CALLS)
    streamed = milliseconds(next_row, CALLS)
    components, baseline = predictor.pipeline.window(rows)
    inputs = [components[None].astype(np.float32), np.array([[baseline]], np.float32)]
    network.predict(inputs, verbose=0)
    keras = median(milliseconds(lambda: network.predict(inputs, verbose=0), KERAS_CALLS))
    found = predictor.outputs(rows[None])
    expected = np.asarray(network.predict(inputs, verbose=0)["momentum"])
    difference = float(np.abs(found.momentum - expected.ravel()).max())
    print(
        f"predictor  one window, normalised, rotated, forecast: p50 {median(whole):.3f} ms; as a "
        f"stream's next row: p50 {median(streamed):.3f} ms; Keras predict of the graph alone "
        f"{keras:.1f} ms; ratio {keras / median(whole):.0f}; largest difference {difference:.0e}"
    )
    record("predictor_window_p50", median(whole), "ms", "<= 0.5", keras, keras / median(whole))
    record("predictor_faster_than_keras", keras / median(whole), "x", ">= 100")
    record("predictor_stream_row_p50", median(streamed), "ms", "<= 0.5")


def many_windows(volume: str, digest: str) -> None:
    command = (sys.executable, "-m", "tests.bench.batch_process", volume, MODEL, digest)
    environ = os.environ | {"MALLOC_ARENA_MAX": "1"}  # as in the image
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    (line,) = [each for each in ended.stdout.splitlines() if each.startswith("result ")]
    one, two, peak = map(float, line.split()[1:])
    print(
        f"predictor  4096 windows: {two:.0f}/s with two threads, {one:.0f}/s with one; "
        f"resident at most {peak:.0f} MB"
    )
    record("predictor_batch_rate", two, "windows/s", ">= 7000")
    record("predictor_batch_resident", peak, "MB", "<= 110")


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    network = reference_network()
    with tempfile.TemporaryDirectory() as volume:
        artifact = reference_artifact(Path(volume), network=network)
        one_window(Predictor.load(artifact), network)
        many_windows(volume, artifact.digest)


if __name__ == "__main__":
    main()
