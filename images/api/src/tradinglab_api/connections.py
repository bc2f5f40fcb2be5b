"""Connections and how they are answered; what the server refuses itself is answered here.

Made by the server's listeners. Reading and closing happen in the server's loop, tasks in workers.
"""

import logging
import socket
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from tradinglab.logs import fields
from tradinglab_api.frame import ADMITTED_KEY
from tradinglab_api.guard import Guard
from tradinglab_api.intake import BodyBudget, Request
from tradinglab_api.metrics import Metrics
from tradinglab_api.problems import MEDIA_TYPE, Problem, problem_document
from tradinglab_api.request_ids import HEADER, RequestIds

log = logging.getLogger(__name__)

DISCARD_SECONDS: Final = 5.0
DISCARD_BYTES: Final = 1 << 20
UNFORESEEN: Final = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected error; the log has it under this request_id"
)


@dataclass
class Shared:
    """What every connection of one server has in common. `closing`: answers say
    `Connection: close` from then on; `discarding`: refused connections that are still read."""

    guard: Guard
    budget: BodyBudget
    metrics: Metrics | None
    closing: threading.Event = field(default_factory=threading.Event)
    ids: RequestIds = field(default_factory=RequestIds)
    discarding: "set[Channel]" = field(default_factory=set)

    def close_overdue(self) -> None:
        """Called by the server's loop."""
        now = time.monotonic()
        for channel in [each for each in self.discarding if now >= each.discard_until]:
            channel.handle_close()


class AnswerTask(WSGITask):  # type: ignore[misc]
    """A request that the application answers."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[ADMITTED_KEY] = self.request.admitted
        return environ

    def build_response_header(self) -> bytes:
        if self.channel.shared.closing.is_set():
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """A request that the server refuses itself: without the key, malformed, or too large."""

    def execute(self) -> None:
        shared: Shared = self.channel.shared
        problem: Problem = self.request.problem or UNFORESEEN
        request_id = shared.ids.of(self.request.headers.get("X_REQUEST_ID"))
        body = problem_document(problem, request_id)
        self.status = f"{problem.status.value} {problem.status.phrase}"
        self.response_headers += [*problem.headers.items(), ("Content-Type", MEDIA_TYPE)]
        self.response_headers.append((HEADER, request_id))
        self.channel.refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        if shared.metrics is not None:
            shared.metrics.answered(
                "unmatched", problem.status.value, time.time() - self.start_time
            )
        log.debug(
            "request refused",
            extra=fields(request_id=request_id, status=problem.status.value, why=problem.detail),
        )


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. Once refused it is read on for a while and nothing kept: closing on unread
    data would reset it, and the client would never see why it was refused."""

    task_class = AnswerTask
    error_task_class = RefusalTask
    shared: Shared  # set by the server on a class of its own
    request: Request | None
    requests: list[Request]
    close_when_flushed: bool
    refused = False
    discard_until = 0.0

    def parser_class(self, adj: Any) -> Request:
        return Request(adj, self.addr[0], self.shared.guard, self.shared.budget)

    def readable(self) -> bool:
        return bool(self.discard_until) or super().readable()

    def handle_read(self) -> None:
        if not self.discard_until:
            super().handle_read()
            return
        try:
            self.recv(DISCARD_BYTES)  # closes at the end of the input
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()

    def handle_write(self) -> None:
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self.close_when_flushed = False
            self._discard()

    def handle_close(self) -> None:
        self.shared.discarding.discard(self)
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def service(self) -> None:
        if not self.requests:  # cleared below, after this task was queued
            return
        super().service()
        if not self.connected:  # nobody will answer what else has come
            with self.requests_lock:
                left, self.requests = self.requests, []
            for request in left:
                request.close()

    def _discard(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
            return
        self.discard_until = time.monotonic() + DISCARD_SECONDS
        self.shared.discarding.add(self)
