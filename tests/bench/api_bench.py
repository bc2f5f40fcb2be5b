"""How fast the forecast route is beside a Flask route that returns a constant, on one server.

    python -m tests.bench.api_bench --seconds 3

Both routes live in one application on one server process with one worker thread; requests of
both kinds alternate in slices, so a busy machine slows both. The measuring client is a bare
keep-alive socket: it costs little beside the server.
"""

import argparse
import json
import multiprocessing
import re
import socket
import statistics
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from tests.api.artifacts import MODEL, history, small_artifact

SLICE_SECONDS = 0.5
LENGTH = re.compile(rb"Content-Length: ([0-9]+)\r\n")


def serve(volume: str, digest: str, threads: int, ready: Connection) -> None:
    """In a process of its own: the product's application with a constant route added."""
    from flask import Response

    from tradinglab_api.application import create_application
    from tradinglab_api.metrics import Metrics
    from tradinglab_api.server import Server
    from tradinglab_api.serving import load_service

    application = create_application(load_service(Path(volume), MODEL, digest), Metrics())
    plain = type(application)("plain")

    @plain.get("/constant")
    def constant() -> Response:
        return Response(b'{"constant":true}', content_type="application/json")

    def both(environ, start_response):
        chosen = plain if environ["PATH_INFO"] == "/constant" else application
        return chosen(environ, start_response)

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = Server(both, [bound], threads, 8 << 20)
    ready.send(bound.getsockname()[1])
    server.run(0, 1)


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> float:
        """Seconds until the whole answer was there."""
        began = time.perf_counter()
        self._socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        left = int(LENGTH.search(head + b"\r\n")[1]) - len(body)
        while left > 0:
            left -= len(self._socket.recv(65536))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode() + body.decode())
        return time.perf_counter() - began


def load(port: int, request: bytes, clients: int, seconds: float) -> tuple[list[float], float]:
    """Latencies of `clients` connections asking at once, and the seconds it took."""
    latencies: list[float] = []

    def run() -> None:
        client, end = Client(port), time.perf_counter() + seconds
        while time.perf_counter() < end:
            latencies.append(client.ask(request))

    began = time.perf_counter()
    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, time.perf_counter() - began


def resident_megabytes(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="per route and concurrency")
    parser.add_argument("--threads", type=int, default=1, help="of the server")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as volume:
        artifact = small_artifact(Path(volume))
        rows, bar = history(artifact.manifest.lookback_bars)
        nullable = rows.astype(object)
        nullable[np.isnan(rows)] = None
        content = json.dumps({"bar_open_time": bar, "snapshots": nullable.tolist()}).encode()
        head = "POST /v1/forecast HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        requests = {
            "constant": b"GET /constant HTTP/1.1\r\nHost: bench\r\n\r\n",
            "forecast": f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content,
        }
        context = multiprocessing.get_context("spawn")
        receiving, sending = context.Pipe(duplex=False)
        server = context.Process(
            target=serve, args=(volume, artifact.digest, given.threads, sending), daemon=True
        )
        server.start()
        try:
            measure(receiving.recv(), requests, given.seconds, server.pid or 0, len(content))
        finally:
            server.kill()
            server.join()


def measure(
    port: int, requests: dict[str, bytes], seconds: float, pid: int, body_bytes: int
) -> None:
    print(f"forecast body: {body_bytes} bytes; resident at start: {resident_megabytes(pid):.0f} MB")
    for clients in (1, 8):
        rates: dict[str, list[float]] = {name: [] for name in requests}
        latencies: dict[str, list[float]] = {name: [] for name in requests}
        for _ in range(max(1, round(seconds / SLICE_SECONDS))):
            for name, request in requests.items():
                measured, took = load(port, request, clients, SLICE_SECONDS)
                rates[name].append(len(measured) / took)
                latencies[name] += measured
        for name in requests:
            cuts = statistics.quantiles(latencies[name], n=100)
            print(
                f"{name} at concurrency {clients}: {statistics.median(rates[name]):.0f}/s, "
                f"p50 {cuts[49] * 1000:.2f} ms, p99 {cuts[98] * 1000:.2f} ms"
            )
        ratio = statistics.median(rates["forecast"]) / statistics.median(rates["constant"])
        print(f"ratio forecast/constant at concurrency {clients}: {ratio:.2f}")
    print(f"resident after: {resident_megabytes(pid):.0f} MB")


if __name__ == "__main__":
    main()
