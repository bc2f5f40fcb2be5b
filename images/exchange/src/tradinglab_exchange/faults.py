"""Faults on request: what may go wrong with an exchange, switched on by `POST /_faults`.

Registered by the application only when the setting FAULTS is true. Counts are used up one by one;
`{"clock_skew_ms": 0}` and the like switch the lasting ones off again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.hub import encoded

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/_faults"


class Faults(BaseModel):
    """The body of `POST /_faults`, and what of it is still to come."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    disconnect: bool = Field(False, description="close every WebSocket now")
    silent_bars: int = Field(0, ge=0, description="no kline frames while so many bars pass")
    dropped_bars: int = Field(0, ge=0, description="final kline frames that are never sent")
    duplicated_bars: int = Field(0, ge=0, description="final kline frames sent twice")
    late_bars: int = Field(0, ge=0, description="final kline frames sent after the next bar's")
    server_errors: int = Field(0, ge=0, description="requests answered with status 503")
    too_many_requests: int = Field(0, ge=0, description="requests answered with status 429")
    retry_after_seconds: int = Field(1, ge=0, description="the Retry-After of those")
    unanswered_orders: int = Field(0, ge=0, description="orders accepted but not answered in time")
    unanswered_seconds: float = Field(30.0, ge=0, description="how long those answers take")
    clock_skew_ms: int = Field(0, description="the server clock is ahead by this much")
    outage_seconds: float = Field(0.0, ge=0, description="connections are cut for so long")
    partial_fill_fraction: Decimal | None = Field(
        None, gt=0, lt=1, description="resting orders fill this part first, the rest a tick later"
    )


class FaultSwitch:
    """Holds the faults to come; asked by the REST middleware and the kline publisher."""

    def __init__(
        self,
        disconnect: Callable[[], Awaitable[None]],
        applied: Callable[[Faults], None],
    ) -> None:
        self._faults = Faults.model_validate({})
        self._outage_until = 0.0
        self._held: list[dict[str, object]] = []
        self._disconnect, self._applied = disconnect, applied

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._switch)]

    async def _switch(self, request: web.Request) -> web.Response:
        """Fields that are not given stay as they are."""
        try:
            asked = Faults.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"error": str(error)}, status=400)
        given = {name: getattr(asked, name) for name in asked.model_fields_set}
        self._faults = self._faults.model_copy(update=given)
        if given.get("outage_seconds"):
            self._outage_until = time.monotonic() + asked.outage_seconds
        self._applied(self._faults)
        if asked.disconnect or asked.outage_seconds:
            self._faults.disconnect = False
            await self._disconnect()
        return web.Response(text=self._faults.model_dump_json(), content_type="application/json")

    def klines(self, event: dict[str, object], closed: bool) -> list[dict[str, object]]:
        """What is sent in place of one kline frame."""
        faults = self._faults
        if faults.silent_bars:
            faults.silent_bars -= closed
            return []
        if not closed:
            return [event]
        if faults.dropped_bars:
            faults.dropped_bars -= 1
            return []
        if faults.late_bars:
            faults.late_bars -= 1
            self._held.append(event)
            return []
        late, self._held = self._held, []
        if faults.duplicated_bars:
            faults.duplicated_bars -= 1
            return [event, event, *late]
        return [event, *late]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == PATH:
            return await handler(request)
        faults = self._faults
        if time.monotonic() < self._outage_until:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if faults.server_errors:
            faults.server_errors -= 1
            return web.Response(status=503, text="Service Unavailable")
        if faults.too_many_requests:
            faults.too_many_requests -= 1
            refusal = ApiError(-1003, "Too many requests queued.")
            headers = {"Retry-After": str(faults.retry_after_seconds)}
            return web.Response(
                status=429,
                text=encoded(refusal.document()),
                content_type="application/json",
                headers=headers,
            )
        response = await handler(request)
        is_order = request.method == "POST" and request.path.startswith("/api/v3/order")
        if faults.unanswered_orders and is_order and response.status == 200:
            faults.unanswered_orders -= 1
            await asyncio.sleep(faults.unanswered_seconds)
            late = ApiError(
                -1007,
                "Timeout waiting for response from backend server. Send status unknown; "
                "execution status unknown.",
            )
            return web.Response(
                status=504, text=encoded(late.document()), content_type="application/json"
            )
        return response
