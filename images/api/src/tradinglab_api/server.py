"""The WSGI server: waitress over given sockets, stopped without failing a request.

Called by the entry point. On stop it leaves the listening sockets, answers what is under way with
`Connection: close`, and closes connections once they are idle.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from tradinglab.logs import fields
from tradinglab_api.connections import Channel, Shared
from tradinglab_api.guard import Guard
from tradinglab_api.intake import BodyBudget
from tradinglab_api.metrics import Metrics

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 0.5  # a kept-alive client that is silent for so long is not about to send
CONNECTIONS: Final = 256
POLL_SECONDS: Final = 1
BODIES_BYTES: Final = 64 << 20
LARGEST_BODIES_AT_ONCE: Final = 4
WSGIApplication = Callable[..., Iterable[bytes]]


class Server:
    """Serves `application` on `sockets` (bound; listening begins here) until `stop`.

    The bodies of all connections together take 64 MiB, or room for four of the largest.
    """

    def __init__(
        self,
        application: WSGIApplication,
        sockets: list[socket.socket],
        threads: int,
        max_body_bytes: int,
        guard: Guard | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._stop_requested = threading.Event()
        budget = BodyBudget(max(BODIES_BYTES, LARGEST_BODIES_AT_ONCE * max_body_bytes))
        self._shared = Shared(guard or Guard(), budget, metrics)
        self._map: dict[int, Any] = {}
        # A request that waits for a thread is ordinary under load, not worth a line each.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        first = create_server(
            application,
            map=self._map,
            sockets=sockets,
            threads=threads,
            ident="tradinglab-api",
            asyncore_use_poll=True,
            connection_limit=CONNECTIONS,
            channel_timeout=60,
            recv_bytes=1 << 16,
            max_request_header_size=1 << 14,
            max_request_body_size=max_body_bytes + 1,
            inbuf_overflow=max_body_bytes + 1,  # in memory: the file system may be read-only
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
        )
        self._dispatcher = first.task_dispatcher
        self._listeners = [s for s in self._map.values() if isinstance(s, BaseWSGIServer)]
        for listener in self._listeners:
            listener.channel_class = type("Channel", (Channel,), {"shared": self._shared})

    def run(self, shutdown_delay_seconds: float, shutdown_grace_seconds: float) -> None:
        """Returns once stopped: after the delay, in which new connections are still accepted, and
        the grace, in which requests in flight are finished."""
        while not self._stop_requested.is_set():
            self._poll(POLL_SECONDS)
        log.info("stopping", extra=fields(connections=len(self._channels())))
        self._until(time.monotonic() + shutdown_delay_seconds, lambda: False)
        self._shared.closing.set()
        for listener in self._listeners:
            self._leave(listener)
        drained = self._until(time.monotonic() + shutdown_grace_seconds, self._drained)
        if not drained:
            log.warning(
                "requests in flight were cut off",
                extra=fields(connections=len(self._channels()), seconds=shutdown_grace_seconds),
            )
        self._dispatcher.shutdown(cancel_pending=True, timeout=1)
        wasyncore.close_all(self._map, ignore_all=True)

    def stop(self) -> None:
        """May be called from a signal handler or another thread."""
        self._stop_requested.set()
        self._listeners[0].pull_trigger()

    def _poll(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)
        self._shared.close_overdue()

    def _until(self, deadline: float, done: Callable[[], bool]) -> bool:
        while not done():
            if time.monotonic() >= deadline:
                return False
            self._poll(0.05)
        return True

    def _leave(self, listener: Any) -> None:
        """Accepts who is already connected, then closes the listening socket; the pipe by which
        worker threads wake the loop stays."""
        while (before := len(self._map)) < CONNECTIONS:
            listener.handle_accept()
            if len(self._map) == before:
                break
        wasyncore.dispatcher.close(listener)

    def _channels(self) -> list[HTTPChannel]:
        return [entry for entry in self._map.values() if isinstance(entry, HTTPChannel)]

    def _drained(self) -> bool:
        now = time.time()
        for channel in self._channels():
            busy = channel.requests or channel.request or channel.total_outbufs_len
            if not busy and now - channel.last_activity >= IDLE_SECONDS:
                channel.handle_close()
        return not self._channels()
