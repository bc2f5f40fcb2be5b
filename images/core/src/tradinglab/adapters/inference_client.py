"""The inference API's client: forecasts of exactly the artifact and bar that were asked for.

Called by the bot and by tests. What it returns may be acted on; everything doubtful is an error.
"""

import asyncio
import json
import logging
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, SecretStr, ValidationError

from tradinglab.domain.forecast import Forecast, ModelFacts
from tradinglab.errors import ForecastUnavailable, InputError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

ModelT = TypeVar("ModelT", bound=BaseModel)

# The server will not change its mind about these; the others may pass.
REFUSALS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


class InferenceClient:
    """`deadline_seconds` bounds a whole call, its one retry after a broken connection included."""

    def __init__(
        self,
        base_url: str,
        deadline_seconds: float = 2.0,
        api_key: SecretStr | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._deadline_seconds = deadline_seconds
        headers = {b"Content-Type": b"application/json"}
        if api_key is not None:
            headers[b"Authorization"] = f"Bearer {api_key.get_secret_value()}".encode()
        self._http = httpx.AsyncClient(
            base_url=self._base_url, headers=headers, timeout=deadline_seconds, trust_env=False
        )

    async def model(self) -> ModelFacts:
        """Raises ForecastUnavailable while nothing is served, InputError when refused."""
        return _parsed(ModelFacts, await self._answer("GET", "/v1/model"))

    async def forecast(
        self,
        snapshots: NDArray[np.float64],
        bar_open_time: int,
        expected_digest: str | None,
    ) -> Forecast:
        """The forecast made at the close of the bar that opened at `bar_open_time` (UTC ms).

        `snapshots`: raw, (lookback_bars, 12), the last row that bar's; NaN where an indicator has
        no value yet. Raises ForecastUnavailable when there is none now or it is another
        artifact's (unless `expected_digest` is None) or another bar's; InputError when the API
        refuses the input.
        """
        rows = snapshots.astype(object)
        rows[np.isnan(snapshots)] = None
        body = {"bar_open_time": bar_open_time, "snapshots": rows.tolist()}
        try:
            content = json.dumps(body, allow_nan=False).encode()
        except ValueError:
            row, column = np.argwhere(np.isinf(snapshots))[0]
            raise InputError(
                f"snapshots[{row}][{column}] is infinite, expected a finite number"
            ) from None
        forecast = _parsed(Forecast, await self._answer("POST", "/v1/forecast", content))
        if expected_digest is not None and forecast.digest != expected_digest:
            raise ForecastUnavailable(
                f"the API serves artifact {forecast.digest}, expected {expected_digest}"
            )
        if forecast.bar_open_time != bar_open_time:
            raise ForecastUnavailable(
                f"the API answered for bar {forecast.bar_open_time}, expected {bar_open_time}"
            )
        return forecast

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _answer(self, method: str, path: str, content: bytes | None = None) -> bytes:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                response = await self._sent(method, path, content)
        except (TimeoutError, httpx.TimeoutException):
            raise ForecastUnavailable(
                f"{self._base_url}{path} did not answer within {self._deadline_seconds} s"
            ) from None
        except httpx.HTTPError as error:
            raise ForecastUnavailable(
                f"{self._base_url}{path} cannot be reached: {error or type(error).__name__}"
            ) from error
        if response.status_code == HTTPStatus.OK:
            return response.content
        message = f"{self._base_url}{path} answered {response.status_code}: {_detail(response)}"
        if response.status_code in REFUSALS:
            raise InputError(message)
        raise ForecastUnavailable(message)

    async def _sent(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        """One retry, and only where no answer was begun: a forecast changes nothing, so asking
        twice is harmless; a server that stops closes connections that were kept alive."""
        try:
            return await self._http.request(method, path, content=content)
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            log.debug("retrying once", extra=fields(path=path, why=type(error).__name__))
            return await self._http.request(method, path, content=content)


def _detail(response: httpx.Response) -> str:
    """The problem's sentence, or the start of whatever came instead."""
    try:
        document: Any = response.json()
    except ValueError:
        return response.text[:200]
    detail = document.get("detail") if isinstance(document, dict) else None
    return str(detail) if detail else response.text[:200]


def _parsed(model: type[ModelT], content: bytes) -> ModelT:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise ForecastUnavailable(
            f"the API's answer is no {model.__name__}: {where}: {first['msg']}"
        ) from None
