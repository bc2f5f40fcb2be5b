"""The inference API's client: forecasts of exactly the artifact and bar that were asked for.

Called by the bot and by tests. What it returns may be acted on; everything doubtful is an error.
"""

import asyncio
import io
import json
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, SecretStr, ValidationError

from tradinglab.domain.forecast import Forecast, ModelFacts, ServedForecast, ServedForecasts
from tradinglab.errors import ForecastUnavailable, InputError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

JSON: Final = "application/json"
NPY: Final = "application/x-npy"
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
    """`deadline_seconds` bounds a whole call, its one retry after a broken connection included.

    `stream`: the name under which the API keeps this client's rows; a new one unless given. Two
    clients must not share one.
    """

    def __init__(
        self,
        base_url: str,
        deadline_seconds: float = 2.0,
        api_key: SecretStr | None = None,
        stream: str | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._deadline_seconds = deadline_seconds
        self._stream = stream or f"client-{uuid.uuid4().hex[:12]}"
        headers = {}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key.get_secret_value()}"
        self._http = httpx.AsyncClient(
            base_url=self._base_url, headers=headers, timeout=deadline_seconds, trust_env=False
        )

    async def model(self) -> ModelFacts:
        """Raises ForecastUnavailable while nothing is served, InputError when refused."""
        return _parsed(ModelFacts, await self._answer(Call("GET", "/v1/model")))

    async def forecast(
        self,
        snapshots: NDArray[np.float64],
        bar_open_time: int,
        expected_digest: str | None,
    ) -> Forecast:
        """The forecast made at the close of the bar that opened at `bar_open_time` (UTC ms).

        `snapshots`: raw, (lookback_bars, 12), the last row that bar's; NaN where an indicator has
        no value yet. Only the last row is sent; the others follow when the API lacks rows. Raises
        ForecastUnavailable when there is none now or it is another artifact's (unless
        `expected_digest` is None) or another bar's; InputError when the API refuses the input.
        """
        path = f"/v1/streams/{self._stream}"
        row = _json({"bar_open_time": bar_open_time, "snapshot": _rows(snapshots[-1:])[0]})
        async with self._deadline(path):
            answer = await self._sent(Call("POST", path, row, JSON))
            if answer.status_code == HTTPStatus.CONFLICT:
                log.debug("sending the history", extra=fields(why=_detail(answer)))
                history = {"bar_open_time": bar_open_time, "snapshots": _rows(snapshots)}
                answer = await self._sent(Call("PUT", path, _json(history), JSON))
        made = self._checked(path, answer, [bar_open_time], expected_digest)
        return made[0].forecast()

    async def forecasts(
        self,
        snapshots: NDArray[np.float64],
        bar_open_times: Sequence[int],
        expected_digest: str | None,
        *,
        with_attention: bool = False,
    ) -> tuple[ServedForecast, ...]:
        """As `forecast`, of many histories at once: `snapshots` (n, lookback_bars, 12), raw."""
        form = [("bar_open_time", "<i8"), ("snapshots", "<f8", snapshots.shape[1:])]
        records = np.empty(len(snapshots), form)
        records["bar_open_time"], records["snapshots"] = bar_open_times, snapshots
        content = io.BytesIO()
        np.save(content, records, allow_pickle=False)
        path = f"/v1/forecasts?attention={str(with_attention).lower()}"
        async with self._deadline(path):
            answer = await self._sent(Call("POST", path, content.getvalue(), NPY))
        return self._checked(path, answer, bar_open_times, expected_digest)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _answer(self, call: "Call") -> bytes:
        async with self._deadline(call.path):
            answer = await self._sent(call)
        return self._accepted(call.path, answer)

    @asynccontextmanager
    async def _deadline(self, path: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                yield
        except (TimeoutError, httpx.TimeoutException):
            raise ForecastUnavailable(
                f"{self._base_url}{path} did not answer within {self._deadline_seconds} s"
            ) from None
        except httpx.HTTPError as error:
            raise ForecastUnavailable(
                f"{self._base_url}{path} cannot be reached: {error or type(error).__name__}"
            ) from error

    def _accepted(self, path: str, answer: httpx.Response) -> bytes:
        if answer.status_code == HTTPStatus.OK:
            return answer.content
        message = f"{self._base_url}{path} answered {answer.status_code}: {_detail(answer)}"
        if answer.status_code in REFUSALS:
            raise InputError(message)
        raise ForecastUnavailable(message)

    def _checked(
        self,
        path: str,
        answer: httpx.Response,
        bar_open_times: Sequence[int],
        expected_digest: str | None,
    ) -> tuple[ServedForecast, ...]:
        made = _parsed(ServedForecasts, self._accepted(path, answer)).forecasts
        if len(made) != len(bar_open_times):
            raise ForecastUnavailable(
                f"the API gave {len(made)} forecasts, expected {len(bar_open_times)}"
            )
        for each, bar_open_time in zip(made, bar_open_times, strict=True):
            if expected_digest is not None and each.digest != expected_digest:
                raise ForecastUnavailable(
                    f"the API serves artifact {each.digest}, expected {expected_digest}"
                )
            if each.bar_open_time != bar_open_time:
                raise ForecastUnavailable(
                    f"the API answered for bar {each.bar_open_time}, expected {bar_open_time}"
                )
        return made

    async def _sent(self, call: "Call") -> httpx.Response:
        """One retry, and only where no answer was begun: the same row or history again changes
        nothing, so asking twice is harmless; a server that stops closes kept connections."""
        headers = {"Content-Type": call.content_type} if call.content_type else {}
        try:
            return await self._http.request(
                call.method, call.path, content=call.content, headers=headers
            )
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            log.debug("retrying once", extra=fields(path=call.path, why=type(error).__name__))
            return await self._http.request(
                call.method, call.path, content=call.content, headers=headers
            )


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    content: bytes | None = None
    content_type: str | None = None


def _rows(snapshots: NDArray[np.float64]) -> list[list[float | None]]:
    """As JSON holds them, null for NaN. Raises InputError that names an infinite value."""
    for row, column in np.argwhere(np.isinf(snapshots))[:1]:
        raise InputError(f"snapshots[{row}][{column}] is infinite, expected a finite number")
    rows: NDArray[np.object_] = snapshots.astype(object)
    rows[np.isnan(snapshots)] = None
    return list(rows.tolist())


def _json(document: object) -> bytes:
    return json.dumps(document, allow_nan=False).encode()


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
