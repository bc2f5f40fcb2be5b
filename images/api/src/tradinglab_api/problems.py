"""Errors as problem details (RFC 9457).

Raised by the routes and what they call; rendered here and, for requests that never reach the
application, by the server.
"""

import json
from http import HTTPStatus
from typing import Final

from tradinglab_api.documents import MissingRows, ProblemDocument, encoded

MEDIA_TYPE: Final = "application/problem+json"
BLANK: Final = "about:blank"
COLD, GAP, PAST, CONFLICT = (f"/docs#stream-{name}" for name in ("cold", "gap", "past", "conflict"))


class Problem(Exception):
    """One refusal: HTTP status, a sentence, and the field that is wrong with value and expected."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        field: str | None = None,
        value: object = None,
        expected: str | None = None,
        headers: dict[str, str] | None = None,
        kind: str = BLANK,
        missing: MissingRows | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.value = value
        self.expected = expected
        self.headers = headers or {}
        self.kind = kind
        self.missing = missing


def unprocessable(field: str, value: object, expected: str, detail: str | None = None) -> Problem:
    """422 for one field; the sentence is made of the three unless given."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        detail or f"{field} is {shown(value)}, expected {expected}",
        field=field,
        value=value,
        expected=expected,
    )


def unavailable(reason: str) -> Problem:
    """503: the same request may succeed later."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, headers={"Retry-After": "5"})


def shown(value: object) -> str:
    """A value as JSON, at most 80 characters of it; containers by their kind only."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= 80 else text[:77] + "..."


def problem_document(problem: Problem, request_id: str | None) -> bytes:
    named = problem.field is not None
    return encoded(
        ProblemDocument(
            type=problem.kind,
            title=problem.status.phrase,
            status=problem.status.value,
            detail=problem.detail,
            field=problem.field,
            value=shown(problem.value) if named else None,
            expected=problem.expected,
            missing=problem.missing,
            request_id=request_id,
        )
    )
