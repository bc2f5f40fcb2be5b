"""What every request gets, around the application: id, rate limit, key, metrics, a DEBUG line.

Called by the application for each request, as WSGI: what is refused here costs no routing.
"""

import hmac
import itertools
import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from pydantic import SecretStr

from tradinglab.logs import fields
from tradinglab_api.metrics import Metrics
from tradinglab_api.problems import MEDIA_TYPE, Problem, problem_document
from tradinglab_api.rate_limit import RateLimit

log = logging.getLogger(__name__)

ID_KEY: Final = "tradinglab.request_id"
STARTED_KEY: Final = "tradinglab.started"
ROUTE_KEY: Final = "tradinglab.route"
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]


class Frame:
    """`inner` is the application proper."""

    def __init__(
        self,
        inner: WSGIApplication,
        metrics: Metrics,
        api_key: SecretStr | None,
        rate_limit: RateLimit | None,
    ) -> None:
        self._inner = inner
        self._metrics = metrics
        self._expected = f"Bearer {api_key.get_secret_value()}".encode() if api_key else None
        self._rate_limit = rate_limit
        self._ids = itertools.count()
        self._id_prefix = secrets.token_hex(8)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = environ[STARTED_KEY] = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        if given is None or not REQUEST_ID.fullmatch(given):
            given = f"{self._id_prefix}{next(self._ids):016x}"
        environ[ID_KEY] = given

        def answering(
            status: str, headers: list[tuple[str, str]], *rest: Any
        ) -> Callable[[bytes], object]:
            headers.append(("X-Request-Id", given))
            self._note(environ, int(status[:3]), time.perf_counter() - started)
            written: Callable[[bytes], object] = start_response(status, headers, *rest)
            return written

        if environ["PATH_INFO"].startswith("/v1/"):
            problem = self._refusal(environ)
            if problem is not None:
                return refused(problem, environ, answering)
        return self._inner(environ, answering)

    def _refusal(self, environ: Environ) -> Problem | None:
        if self._rate_limit is not None:
            client = environ.get("REMOTE_ADDR", "")
            seconds = self._rate_limit.seconds_to_wait(client, time.monotonic())
            if seconds:
                expected = f"at most {self._rate_limit.per_second:g} requests a second"
                return Problem(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"{client} asks too often, expected {expected}",
                    field="client",
                    value=client,
                    expected=expected,
                    headers={"Retry-After": str(math.ceil(seconds))},
                )
        if self._expected is not None:
            found = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
            if not hmac.compare_digest(found, self._expected):
                return Problem(
                    HTTPStatus.UNAUTHORIZED,
                    "the header Authorization is absent or holds another key, "
                    "expected `Bearer <the API's key>`",
                    field="Authorization",
                    value="another key" if found else "absent",
                    expected="Bearer <the API's key>",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        return None

    def _note(self, environ: Environ, status: int, seconds: float) -> None:
        route = environ.get(ROUTE_KEY)
        if route is None:
            request = environ.get("werkzeug.request")
            rule = request.url_rule if request is not None else None
            route = rule.rule if rule else "unmatched"
        self._metrics.answered(route, status, seconds)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "request answered",
                extra=fields(
                    request_id=environ[ID_KEY],
                    method=environ["REQUEST_METHOD"],
                    path=environ["PATH_INFO"],
                    status=status,
                    milliseconds=round(seconds * 1000, 3),
                ),
            )


def refused(problem: Problem, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The problem as a WSGI answer."""
    body = problem_document(problem, environ[ID_KEY])
    headers = [*problem.headers.items(), ("Content-Type", MEDIA_TYPE)]
    start_response(
        f"{problem.status.value} {problem.status.phrase}",
        [*headers, ("Content-Length", str(len(body)))],
    )
    return [body]
