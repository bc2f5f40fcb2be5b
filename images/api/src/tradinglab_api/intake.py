"""Requests as they come in: who may not ask or sends too much is refused before its body is held.

Filled by the connections, in the server's loop; no worker thread has a part in it.
"""

import re
import threading
from http import HTTPStatus
from typing import Any, Final

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest

from tradinglab_api.guard import Guard
from tradinglab_api.problems import Problem, shown

TRANSFER_ENCODING: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r\n]*)", re.IGNORECASE)
START_LINE: Final = ("start line", "METHOD /path HTTP/1.1")
# By the beginning of what waitress says; anything else it says is about a line of the headers.
MALFORMED: Final = {
    "Start line is invalid": START_LINE,
    "Malformed HTTP method": START_LINE,
    "HTTP message header invalid": START_LINE,
    "Bare CR or LF found in HTTP message": START_LINE,
    "Bad URI": START_LINE,
    "Content-Length is invalid": ("Content-Length", "digits only"),
}


class BodyBudget:
    """How many bytes of bodies all connections may hold at once. Safe to share between threads."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held: dict[object, int] = {}
        self._total = 0
        self._lock = threading.Lock()

    def hold(self, holder: object, count: int) -> bool:
        """False, and nothing changed, when `holder` may not hold so many."""
        with self._lock:
            total = self._total + count - self._held.get(holder, 0)
            if total > self.limit_bytes:
                return False
            self._held[holder], self._total = count, total
            return True

    def drop(self, holder: object) -> None:
        with self._lock:
            self._total -= self._held.pop(holder, 0)


class Request(HTTPRequestParser):  # type: ignore[misc]
    """One request of `client` (an address). `problem`: why the server refuses it, if it does;
    `admitted`: the guard has let it in, which is asked only where there is a body."""

    error: Any

    def __init__(self, adj: Any, client: str, guard: Guard, budget: BodyBudget) -> None:
        super().__init__(adj)
        self.problem: Problem | None = None
        self.admitted = False
        self._client = client
        self._guard = guard
        self._budget = budget
        self._closed = False
        self._transfer_encoding = ""

    def received(self, data: bytes) -> int:
        """How many bytes of `data` belong to this request: all of them once it is refused."""
        if self._closed:
            return len(data)
        consumed: int = super().received(data)
        if self.error is not None:
            return self._refuse(self._malformed(), data)
        if self.body_rcv is None:
            return consumed
        if not self.admitted:
            problem = self._guard.refusal(self._client, self.headers.get("AUTHORIZATION", ""))
            if problem is not None:
                return self._refuse(problem, data)
            self.admitted = True
        if not self._budget.hold(self, self.body_bytes_received):
            return self._refuse(_too_many_bytes(self._budget.limit_bytes), data)
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        found = TRANSFER_ENCODING.search(header_plus)
        if found:
            self._transfer_encoding = found[1].decode("latin-1").strip(" \t")
        try:
            super().parse_header(header_plus)
        except ValueError:  # a number of thousands of digits, or an address that is none
            parsed = hasattr(self, "path")
            raise ParsingError("Content-Length is invalid" if parsed else "Bad URI") from None

    def close(self) -> None:
        """Gives the body's memory back; called again it does nothing."""
        self._closed = True
        super().close()
        self._budget.drop(self)

    def _refuse(self, problem: Problem, data: bytes) -> int:
        self.problem = problem
        self.error = self.error or BadRequest(problem.detail)  # by which waitress knows a refusal
        self.completed = True
        self.expect_continue = False  # the client need not send its body
        self.close()
        return len(data)

    def _malformed(self) -> Problem:
        """What waitress found wrong, with the field's name."""
        code, said = self.error.code, self.error.body
        if code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return self._too_large()
        if code == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            limit = self.adj.max_request_header_size
            return _named(
                HTTPStatus(code), "headers", f"{limit} bytes or more", f"less than {limit} bytes"
            )
        if code == HTTPStatus.NOT_IMPLEMENTED:
            found = self._transfer_encoding
            return _named(HTTPStatus.BAD_REQUEST, "Transfer-Encoding", found, "chunked")
        if self.body_rcv is not None:
            return _named(HTTPStatus.BAD_REQUEST, "body", said, "chunks as RFC 9112 has them")
        for beginning, (field, expected) in MALFORMED.items():
            if said.startswith(beginning):
                start = getattr(self, "first_line", b"").decode("latin-1")
                value = start if field == START_LINE[0] else self.headers["CONTENT_LENGTH"]
                return _named(HTTPStatus.BAD_REQUEST, field, value or "none", expected)
        return _named(HTTPStatus.BAD_REQUEST, "headers", said, "lines of `Name: value`")

    def _too_large(self) -> Problem:
        limit = f"at most {self.adj.max_request_body_size - 1} bytes"
        found = self.headers.get("CONTENT_LENGTH", "more")
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body has {shown(found)} bytes, expected {limit}",
            field="body",
            value=found,
            expected=limit,
        )


def _named(status: HTTPStatus, field: str, value: str, expected: str) -> Problem:
    verb = "are" if field == "headers" else "is"
    return Problem(
        status,
        f"the request is malformed: {field} {verb} {shown(value)}, expected {expected}",
        field=field,
        value=value,
        expected=expected,
    )


def _too_many_bytes(limit: int) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"the bodies that are being received fill {limit} bytes, ask again",
        field="body",
        value="one more",
        expected=f"at most {limit} bytes of all clients at once",
        headers={"Retry-After": "1"},
    )
