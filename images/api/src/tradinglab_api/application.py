"""The Flask application: its routes put together, and how errors are answered.

Called by the entry point with what is served; holds no global state.
"""

import json
import logging
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from importlib.metadata import version

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from tradinglab.errors import InputError, RetryLater
from tradinglab.logs import fields
from tradinglab_api.bodies import JSON, answered
from tradinglab_api.documents import Health, Readiness, encoded
from tradinglab_api.forecasting import Forecasting
from tradinglab_api.frame import ID_KEY, Frame, WSGIApplication
from tradinglab_api.guard import Guard
from tradinglab_api.metrics import Metrics
from tradinglab_api.openapi import openapi_document
from tradinglab_api.operations import HTML, OPERATIONS, TEXT
from tradinglab_api.page import readable_page
from tradinglab_api.problems import MEDIA_TYPE, Problem, problem_document, unavailable
from tradinglab_api.serving import Service
from tradinglab_api.shortcut import Shortcut
from tradinglab_api.streams import Streams

log = logging.getLogger(__name__)


def create_application(
    service: Service,
    metrics: Metrics,
    *,
    max_body_bytes: int,
    streams: Streams | None = None,
    guard: Guard | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Flask:
    """`streams`: where an artifact is served; `stopping` turns readiness off while the process
    finishes what it has begun."""
    app = Flask("tradinglab_api", static_folder=None)
    app.url_map.strict_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    if service.predictor is not None:
        metrics.serving(service.predictor.facts)
    forecasting = Forecasting(service, streams, metrics, max_body_bytes)
    guard = guard or Guard()
    about = _About(service, streams, metrics, guard.demands_key, stopping)
    for operation in OPERATIONS:
        handler = getattr(forecasting, operation.name, None) or getattr(about, operation.name)
        app.add_url_rule(operation.path, operation.name, handler, methods=[operation.method])
    _add_error_answers(app)
    inner: WSGIApplication = app.wsgi_app
    if service.predictor is not None:
        inner = Shortcut(inner, forecasting.continued, service.predictor.facts.digest)
    app.wsgi_app = Frame(inner, metrics, guard)  # type: ignore[method-assign]
    return app


def _add_error_answers(app: Flask) -> None:
    def answer(problem: Problem) -> Response:
        request_id = request.environ[ID_KEY]
        log.debug(
            "request refused",
            extra=fields(request_id=request_id, status=problem.status.value, why=problem.detail),
        )
        return Response(
            problem_document(problem, request_id),
            problem.status.value,
            headers=problem.headers,
            content_type=MEDIA_TYPE,
        )

    app.register_error_handler(Problem, answer)

    @app.errorhandler(InputError)
    def _input(error: InputError) -> Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return answer(Problem(status, str(error), field="snapshots", expected="finite numbers"))

    @app.errorhandler(RetryLater)
    def _later(error: RetryLater) -> Response:
        return answer(unavailable(str(error)))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            allowed = ", ".join(sorted(error.valid_methods))
            detail = f"{request.path} does not take {request.method}, expected {allowed}"
            return answer(
                Problem(
                    status,
                    detail,
                    field="method",
                    value=request.method,
                    expected=allowed,
                    headers={"Allow": allowed},
                )
            )
        detail = error.description or status.phrase
        if status is HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at {request.path}"
        return answer(Problem(status, detail, field="path", value=request.path))

    @app.errorhandler(Exception)
    def _unforeseen(error: Exception) -> Response:
        log.error(
            "request failed unexpectedly",
            exc_info=error,
            extra=fields(request_id=request.environ[ID_KEY], path=request.path),
        )
        return answer(
            Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"unexpected {type(error).__name__}; the log has it under this request_id",
            )
        )


class _About:
    """The routes that tell of the process and of the API itself, named as their operations."""

    def __init__(
        self,
        service: Service,
        streams: Streams | None,
        metrics: Metrics,
        key_demanded: bool,
        stopping: Callable[[], bool],
    ) -> None:
        self._service = service
        self._streams = streams
        self._metrics = metrics
        self._stopping = stopping
        self._document = cache(lambda: openapi_document(version("tradinglab-api"), key_demanded))

    def openapi(self) -> Response:
        return answered(request, json.dumps(self._document()).encode())

    def page(self) -> Response:
        return Response(readable_page(self._document()), content_type=HTML)

    def health(self) -> Response:
        return Response(encoded(Health(status="ok")), content_type=JSON)

    def readiness(self) -> Response:
        """`digest` was loaded with every hash verified, and its golden windows recomputed."""
        predictor = self._service.predictor
        digest = predictor.facts.digest if predictor else None
        reason = "stopping" if self._stopping() else self._service.reason or None
        ready = digest is not None and reason is None
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        document = Readiness(ready=ready, digest=digest, reason=reason)
        return Response(encoded(document), status.value, content_type=JSON)

    def exposition(self) -> Response:
        ready = self._service.predictor is not None and not self._stopping()
        held = (len(self._streams), self._streams.evicted) if self._streams else (0, 0)
        return Response(self._metrics.exposition(ready, *held), content_type=TEXT)
