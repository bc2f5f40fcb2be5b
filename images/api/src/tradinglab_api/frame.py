"""What every request gets, around the application: id, rate limit, key, metrics, a DEBUG line.

Called by the application for each request, as WSGI: what is refused here costs no routing.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from tradinglab.logs import fields
from tradinglab_api.guard import Guard
from tradinglab_api.metrics import Metrics
from tradinglab_api.problems import MEDIA_TYPE, Problem, problem_document
from tradinglab_api.request_ids import HEADER, RequestIds

log = logging.getLogger(__name__)

ID_KEY: Final = "tradinglab.request_id"
STARTED_KEY: Final = "tradinglab.started"
ROUTE_KEY: Final = "tradinglab.route"
ADMITTED_KEY: Final = "tradinglab.admitted"  # true where the server has asked the guard already
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]


class Frame:
    """`inner` is the application proper."""

    def __init__(self, inner: WSGIApplication, metrics: Metrics, guard: Guard) -> None:
        self._inner = inner
        self._metrics = metrics
        self._guard = guard
        self._ids = RequestIds()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = environ[STARTED_KEY] = time.perf_counter()
        request_id = environ[ID_KEY] = self._ids.of(environ.get("HTTP_X_REQUEST_ID"))

        def answering(
            status: str, headers: list[tuple[str, str]], *rest: Any
        ) -> Callable[[bytes], object]:
            headers.append((HEADER, request_id))
            self._note(environ, int(status[:3]), time.perf_counter() - started)
            written: Callable[[bytes], object] = start_response(status, headers, *rest)
            return written

        if environ["PATH_INFO"].startswith("/v1/") and not environ.get(ADMITTED_KEY):
            problem = self._guard.refusal(
                environ.get("REMOTE_ADDR", ""), environ.get("HTTP_AUTHORIZATION", "")
            )
            if problem is not None:
                return refused(problem, environ, answering)
        return self._inner(environ, answering)

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
