"""How fast the API answers beside a constant Flask route on the same server, and what it holds.

    python -m tests.bench.api_bench --seconds 3 --requests 100000

One server process on one core with one worker thread, the client on another core. Requests of both
kinds alternate in slices, so a busy machine slows both. The network is the reference: 32 filters,
64 units, windows of 64 bars.
"""

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.api.artifacts import MODEL, history, reference_artifact
from tests.api.conftest import nullable
from tests.bench.http_load import StreamOfBars, http, load
from tests.bench.results import record

SLICE_SECONDS = 0.5
CONSTANT = b"GET /constant HTTP/1.1\r\nHost: bench\r\n\r\n"
FRAMED = b"GET /constant/framed HTTP/1.1\r\nHost: bench\r\n\r\n"
STARTS = 3
ALLOWED_MILLISECONDS = "<= 0.46"  # 700 a second where the constant makes 1,035
IN_THE_IMAGE = {"MALLOC_ARENA_MAX": "1"}
SERVER_CORE, CLIENT_CORE = 0, 1


def resident_megabytes(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def started(volume: str, digest: str) -> tuple[subprocess.Popen, int]:
    command = (sys.executable, "-m", "tests.bench.api_server", volume, MODEL, digest)
    process = subprocess.Popen(
        [*command, str(SERVER_CORE)],
        env=os.environ | IN_THE_IMAGE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.strip().isdigit():
            return process, int(line)
    raise RuntimeError("the server did not start")


def throughput(port: int, seconds: float) -> None:
    rows, bar = history(reference_lookback())
    whole = http("POST", "/v1/forecast", {"bar_open_time": bar, "snapshots": nullable(rows)})
    for clients in (1, 8):
        streams = [StreamOfBars(port, f"b{clients}-{i}", rows, bar) for i in range(clients)]
        kinds = {
            "constant": [itertools.repeat(CONSTANT)] * clients,
            "framed": [itertools.repeat(FRAMED)] * clients,
            "stream": [each.requests() for each in streams],
            "history": [itertools.repeat(whole)] * clients,
        }
        rates = {kind: [] for kind in kinds}
        latencies = {kind: [] for kind in kinds}
        for _ in range(max(1, round(seconds / SLICE_SECONDS))):
            for kind, requests in kinds.items():
                measured, took = load(port, requests, SLICE_SECONDS)
                rates[kind].append(len(measured) / took)
                latencies[kind] += measured
        told(clients, rates, latencies)


def told(clients: int, rates: dict, latencies: dict) -> None:
    constant = statistics.median(rates["constant"])
    for kind in rates:
        cuts = statistics.quantiles(latencies[kind], n=100)
        rate = statistics.median(rates[kind])
        p50, p99 = cuts[49] * 1000, cuts[98] * 1000
        print(
            f"api  {kind} at concurrency {clients}: {rate:.0f}/s, {rate / constant:.2f} of "
            f"constant, p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        )
        if kind == "stream":
            record(f"api_stream_share_of_constant_{clients}", rate / constant, "", ">= 0.65")
            framed = rate / statistics.median(rates["framed"])
            record(f"api_stream_share_of_framed_constant_{clients}", framed, "")
            added = 1000 / rate - 1000 / constant
            print(
                f"api  stream at concurrency {clients}: {framed:.2f} of the framed constant; "
                f"adds {added:.2f} ms to the constant"
            )
            record(f"api_stream_added_{clients}", added, "ms", ALLOWED_MILLISECONDS)
            record(f"api_stream_rate_{clients}", rate, "1/s", baseline=constant)
            bound = "<= 4" if clients == 1 else "<= 25"
            record(f"api_stream_p99_{clients}", p99, "ms", bound)


def memory(port: int, pid: int, requests: int) -> None:
    """The first tenth warms up; growth counts from there."""
    rows, bar = history(reference_lookback())
    streams = [StreamOfBars(port, f"m{i}", rows, bar).requests() for i in range(8)]
    start = resident_megabytes(pid)
    load(port, streams, 0, wanted=requests // 80)
    warm = resident_megabytes(pid)
    load(port, streams, 0, wanted=requests * 9 // 80)
    after = resident_megabytes(pid)
    print(
        f"api  resident: {start:.1f} MB before, {warm:.1f} MB after {requests // 10} requests, "
        f"{after:.1f} MB after {requests}"
    )
    record("api_resident", after, "MB", "<= 110")
    record("api_resident_growth", after - warm, "MB", "<= 2")


def start_to_ready(volume: str, digest: str) -> None:
    """Of the program itself, from its start to the first ready answer."""
    taken = []
    settings = {"VOLUME": volume, "MODEL": MODEL, "DIGEST": digest, "LISTEN": "127.0.0.1:0"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRADING")}
    environ |= IN_THE_IMAGE | {f"TRADINGLAB_{name}": value for name, value in settings.items()}
    for _ in range(STARTS):
        began = time.perf_counter()
        program = subprocess.Popen(
            [sys.executable, "-u", "-m", "tradinglab_api.main"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in program.stdout:
            if found := re.search(r"listen=127\.0\.0\.1:(\d+)", line):
                ready = b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n"
                load(int(found[1]), [itertools.repeat(ready)], 0, wanted=1)
                break
        taken.append(time.perf_counter() - began)
        print(
            f"api  program's resident memory once ready: {resident_megabytes(program.pid):.1f} MB"
        )
        program.terminate()
        program.wait(20)
    print(f"api  start to ready: {min(taken):.2f} s (median {statistics.median(taken):.2f} s)")
    record("api_start_to_ready", statistics.median(taken), "s", "<= 2")


def reference_lookback() -> int:
    return 64 + 720


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="per kind and concurrency")
    parser.add_argument("--requests", type=int, default=100_000, help="before memory is read")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as volume:
        artifact = reference_artifact(Path(volume))
        os.sched_setaffinity(0, {CLIENT_CORE})
        start_to_ready(volume, artifact.digest)
        server, port = started(volume, artifact.digest)
        try:
            throughput(port, given.seconds)
            memory(port, server.pid, given.requests)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
