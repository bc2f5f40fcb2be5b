"""A batch of windows in a process that holds nothing but the product: its rate and memory.

Started by the predictor's benchmark; prints windows a second with one and with two threads, and
the resident megabytes afterwards.
"""

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tradinglab_api.serving import load_service

WINDOWS, ROUNDS = 4096, 6


def main(volume: str, model: str, digest: str) -> None:
    predictor = load_service(Path(volume), model, digest).predictor
    if predictor is None:
        raise RuntimeError("nothing is served")
    shape = (predictor.pipeline.window_bars, predictor.pipeline.normaliser.component_count)
    components = np.random.default_rng(1).standard_normal((WINDOWS, *shape), np.float32)
    baseline = np.full(WINDOWS, -5.0)
    halves = np.array_split(np.arange(WINDOWS), 2)

    def compute(part: np.ndarray) -> None:
        predictor.outputs_of_windows(components[part], baseline[part])

    one = best(lambda: compute(slice(None)))
    with ThreadPoolExecutor(2) as pool:
        two = best(lambda: list(pool.map(compute, halves)))
    status = Path("/proc/self/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    print(f"result {WINDOWS / one:.0f} {WINDOWS / two:.0f} {peak:.1f}")


def best(call) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    main(*sys.argv[1:])
