"""Keep-alive connections that ask as fast as they are answered. Used by the API's benchmark.

Bare sockets: the client must cost little beside the server that it measures.
"""

import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from tests.api.conftest import nullable

LENGTH = re.compile(rb"Content-Length: ([0-9]+)\r\n")


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

    def close(self) -> None:
        self._socket.close()


def http(method: str, path: str, document: object) -> bytes:
    content = json.dumps(document).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class StreamOfBars:
    """A client's stream: its history once, then one bar a request, the same values again."""

    def __init__(self, port: int, name: str, rows: np.ndarray, bar_open_time: int) -> None:
        self._path = f"/v1/streams/{name}"
        self._row, self._times = rows[-1].tolist(), itertools.count(bar_open_time, 3_600_000)
        history = {"bar_open_time": next(self._times), "snapshots": nullable(rows)}
        client = Client(port)
        client.ask(http("PUT", self._path, history))
        client.close()

    def requests(self) -> Iterator[bytes]:
        """Cheap to make: they differ in the bar's time alone, which always has as many digits."""
        time = next(self._times)
        document = {"bar_open_time": time, "snapshot": self._row}
        before, after = http("POST", self._path, document).split(str(time).encode())
        while True:
            yield b"%s%d%s" % (before, time, after)
            time = next(self._times)


def load(
    port: int, requests: list[Iterator[bytes]], seconds: float, wanted: int = 0
) -> tuple[list[float], float]:
    """Latencies of as many connections as `requests`, asking at once for so many seconds, or until
    each was answered `wanted` times; and the seconds it took."""
    latencies: list[float] = []

    def run(asked: Iterator[bytes]) -> None:
        client, end = Client(port), time.perf_counter() + seconds
        mine = 0
        while mine < wanted if wanted else time.perf_counter() < end:
            latencies.append(client.ask(next(asked)))
            mine += 1
        client.close()

    return latencies, _together([lambda each=each: run(each) for each in requests])


def _together(calls: list[Callable[[], None]]) -> float:
    began = time.perf_counter()
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
