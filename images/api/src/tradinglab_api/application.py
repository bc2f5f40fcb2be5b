"""The Flask application: routes, what every request gets, how errors are answered.

Called by the entry point with what is served; holds no global state.
"""

import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus

from flask import Flask, Response, g, request
from pydantic import SecretStr, ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from tradinglab.errors import InputError, RetryLater
from tradinglab.logs import fields
from tradinglab_api.decoding import decode_forecast_request
from tradinglab_api.metrics import Metrics
from tradinglab_api.problems import MEDIA_TYPE, Problem, problem_document
from tradinglab_api.serving import Forecaster, Service

log = logging.getLogger(__name__)

DIGEST_HEADER = "X-Artifact-Digest"
REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")
JSON = "application/json"


def create_application(
    service: Service,
    metrics: Metrics,
    *,
    api_key: SecretStr | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Flask:
    """`stopping` turns readiness off while the process finishes what it has begun."""
    app = Flask("tradinglab_api", static_folder=None)
    app.url_map.strict_slashes = False
    if service.forecaster is not None:
        metrics.serving(service.forecaster.facts)
    _add_request_frame(app, metrics, api_key)
    _add_error_answers(app)
    _add_forecast_routes(app, service, metrics)
    _add_probe_routes(app, service, metrics, stopping)
    return app


def _add_request_frame(app: Flask, metrics: Metrics, api_key: SecretStr | None) -> None:
    expected_key = f"Bearer {api_key.get_secret_value()}".encode() if api_key else None

    @app.before_request
    def _begin() -> None:
        g.started = time.perf_counter()
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if REQUEST_ID.match(given) else uuid.uuid4().hex
        if expected_key is not None and request.path.startswith("/v1/"):
            found = request.headers.get("Authorization", "").encode("latin-1")
            if not hmac.compare_digest(found, expected_key):
                raise Problem(
                    HTTPStatus.UNAUTHORIZED,
                    "the header Authorization is absent or holds another key, "
                    "expected `Bearer <the API's key>`",
                    field="Authorization",
                    expected="Bearer <the API's key>",
                    headers={"WWW-Authenticate": "Bearer"},
                )

    @app.after_request
    def _end(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        rule = request.url_rule
        metrics.answered(rule.rule if rule else "unmatched", response.status_code, seconds)
        response.headers[REQUEST_ID_HEADER] = g.request_id
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "request answered",
                extra=fields(
                    request_id=g.request_id,
                    method=request.method,
                    path=request.path,
                    status=response.status_code,
                    milliseconds=round(seconds * 1000, 3),
                ),
            )
        return response


def _add_error_answers(app: Flask) -> None:
    def answer(problem: Problem) -> Response:
        log.debug(
            "request refused",
            extra=fields(request_id=g.request_id, status=problem.status.value, why=problem.detail),
        )
        return Response(
            problem_document(problem, g.request_id),
            problem.status.value,
            headers=problem.headers,
            content_type=MEDIA_TYPE,
        )

    app.register_error_handler(Problem, answer)

    @app.errorhandler(InputError)
    def _input(error: InputError) -> Response:
        return answer(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field="snapshots"))

    @app.errorhandler(RetryLater)
    def _later(error: RetryLater) -> Response:
        return answer(
            Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "5"})
        )

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        headers: dict[str, str] = {}
        detail = error.description or status.phrase
        if status is HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at {request.path}"
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers["Allow"] = ", ".join(sorted(error.valid_methods))
            detail = f"{request.path} does not take {request.method}, expected {headers['Allow']}"
        return answer(Problem(status, detail, headers=headers))

    @app.errorhandler(Exception)
    def _unforeseen(error: Exception) -> Response:
        log.error(
            "request failed unexpectedly",
            exc_info=error,
            extra=fields(request_id=g.request_id, path=request.path),
        )
        return answer(
            Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"unexpected {type(error).__name__}; the log has it under this request_id",
            )
        )


def _add_forecast_routes(app: Flask, service: Service, metrics: Metrics) -> None:
    @app.post("/v1/forecast")
    def forecast() -> Response:
        forecaster = _serving(service)
        if request.mimetype != JSON:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type is {request.mimetype or 'absent'}, expected {JSON}",
                field="Content-Type",
                value=request.mimetype,
                expected=JSON,
            )
        wanted = decode_forecast_request(request.get_data(cache=False), forecaster.facts)
        decoded = time.perf_counter()
        try:
            made = forecaster.forecast(wanted.snapshots, [wanted.bar_open_time])[0]
        except ValidationError as error:
            first = error.errors()[0]
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"these snapshots give no forecast: {'.'.join(map(str, first['loc']))} "
                f"would be {first['input']}: {first['msg']}",
                field="snapshots",
            ) from None
        metrics.forecast_given()
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "forecast made",
                extra=fields(
                    request_id=g.request_id,
                    bar_open_time=wanted.bar_open_time,
                    shape=wanted.snapshots.shape,
                    decode_milliseconds=round((decoded - g.started) * 1000, 3),
                    model_milliseconds=round((time.perf_counter() - decoded) * 1000, 3),
                    expected_class=made.expected_class.value,
                ),
            )
        return Response(
            made.model_dump_json(), content_type=JSON, headers={DIGEST_HEADER: made.digest}
        )

    @app.get("/v1/model")
    def model() -> Response:
        facts = _serving(service).facts
        return Response(
            facts.model_dump_json(), content_type=JSON, headers={DIGEST_HEADER: facts.digest}
        )


def _serving(service: Service) -> Forecaster:
    if service.forecaster is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, service.reason, headers={"Retry-After": "5"})
    return service.forecaster


def _add_probe_routes(
    app: Flask, service: Service, metrics: Metrics, stopping: Callable[[], bool]
) -> None:
    @app.get("/healthz")
    def health() -> Response:
        return _document(HTTPStatus.OK, {"status": "ok"})

    @app.get("/readyz")
    def readiness() -> Response:
        digest = service.forecaster.facts.digest if service.forecaster else None
        reason = "stopping" if stopping() else service.reason
        if digest is None or reason:
            unready = {"digest": digest, "ready": False, "reason": reason}
            return _document(HTTPStatus.SERVICE_UNAVAILABLE, unready)
        return _document(HTTPStatus.OK, {"digest": digest, "ready": True})

    @app.get("/metrics")
    def exposition() -> Response:
        ready = service.forecaster is not None and not stopping()
        return Response(metrics.exposition(ready), content_type="text/plain; version=0.0.4")


def _document(status: HTTPStatus, document: Mapping[str, object]) -> Response:
    return Response(json.dumps(document), status.value, content_type=JSON)
