"""Every operation of the API, once: registered by the application, listed by OpenAPI.

A path's parameters stand in <angle brackets>, as Flask writes them.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel

from tradinglab.domain.forecast import ModelFacts, ServedForecasts
from tradinglab_api.binary import NPY
from tradinglab_api.bodies import JSON
from tradinglab_api.documents import (
    ForecastBatch,
    ForecastInput,
    Health,
    History,
    NextRow,
    Readiness,
    StreamState,
)

ATTENTION: Final = "attention"
SPACE: Final = "space"
TEXT: Final = "text/plain; version=0.0.4"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Operation:
    """`name`: of the handler; `answer`: a model, or a media type where it is no JSON document."""

    name: str
    method: str
    path: str
    summary: str
    answer: type[BaseModel] | str | None
    body: type[BaseModel] | None = None
    body_types: tuple[str, ...] = (JSON,)
    query: tuple[str, ...] = ()
    refusals: tuple[HTTPStatus, ...] = ()
    description: str = ""

    @property
    def success(self) -> HTTPStatus:
        return HTTPStatus.OK if self.answer is not None else HTTPStatus.NO_CONTENT


BODY: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
GUARDED: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

OPERATIONS: Final = (
    Operation(
        "forecast",
        "POST",
        "/v1/forecast",
        "Forecast one history",
        ServedForecasts,
        ForecastInput,
        query=(ATTENTION,),
        refusals=BODY + GUARDED,
        description="Raw rows are normalised and rotated into principal components first; "
        "components are taken as they are.",
    ),
    Operation(
        "forecast_many",
        "POST",
        "/v1/forecasts",
        "Forecast many histories",
        ServedForecasts,
        ForecastBatch,
        (JSON, NPY),
        query=(ATTENTION, SPACE),
        refusals=BODY + GUARDED,
        description="As application/x-npy: one array of records with the fields bar_open_time "
        "(int64), snapshots (float32 or float64) and, with components, log_volatility_baseline.",
    ),
    Operation(
        "begin_stream",
        "PUT",
        "/v1/streams/<stream>",
        "Begin a stream with a history, or replace its rows",
        ServedForecasts,
        History,
        query=(ATTENTION,),
        refusals=BODY + GUARDED,
    ),
    Operation(
        "continue_stream",
        "POST",
        "/v1/streams/<stream>",
        "Continue a stream by one row",
        ServedForecasts,
        NextRow,
        query=(ATTENTION,),
        refusals=(*BODY, HTTPStatus.CONFLICT, *GUARDED),
        description="The same row again gives the same forecast. A stream that is cold or has a "
        "gap is answered with the rows that are missing. OBV's level is arbitrary: a stream "
        "continues its own from close and volume.",
    ),
    Operation(
        "show_stream",
        "GET",
        "/v1/streams/<stream>",
        "What the server keeps of a stream",
        StreamState,
        refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, *GUARDED),
    ),
    Operation(
        "forget_stream",
        "DELETE",
        "/v1/streams/<stream>",
        "Forget a stream",
        None,
        refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, *GUARDED),
    ),
    Operation(
        "model",
        "GET",
        "/v1/model",
        "The artifact in service",
        ModelFacts,
        refusals=GUARDED,
        description="Its ETag is the digest; If-None-Match is answered with 304.",
    ),
    Operation("openapi", "GET", "/v1/openapi.json", "This document", JSON, refusals=GUARDED[:2]),
    Operation("page", "GET", "/docs", "This document, readable", HTML),
    Operation("health", "GET", "/healthz", "Is the process alive?", Health),
    Operation(
        "readiness",
        "GET",
        "/readyz",
        "Is the artifact loaded, and did it answer its stored probe as stored?",
        Readiness,
        description="503 with the same document, and the reason, while it is not.",
    ),
    Operation("exposition", "GET", "/metrics", "Metrics for Prometheus", TEXT),
)
