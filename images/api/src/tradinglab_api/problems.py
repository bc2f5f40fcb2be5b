"""Errors as problem details (RFC 9457).

Raised by the routes and their decoding; rendered here and, for requests that never reach the
application, by the server.
"""

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


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
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.value = value
        self.expected = expected
        self.headers = headers or {}


def unprocessable(field: str, value: object, expected: str, detail: str | None = None) -> Problem:
    """422 for one field; the sentence is made of the three unless given."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        detail or f"{field} is {shown(value)}, expected {expected}",
        field=field,
        value=shown(value),
        expected=expected,
    )


def shown(value: object) -> str:
    """A value as JSON, at most 80 characters of it."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def problem_document(problem: Problem, request_id: str | None) -> bytes:
    document: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    if problem.field is not None:
        document |= {
            "field": problem.field,
            "value": problem.value,
            "expected": problem.expected,
        }
    if request_id is not None:
        document["request_id"] = request_id
    return json.dumps(document).encode()
