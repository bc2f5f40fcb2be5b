"""Faults on request, switched on by `POST /_faults` and off by `DELETE`.

Registered by the application only when the setting FAULTS is true. Sits before every request as
a middleware; what concerns streams is left to the frame faults.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import ValidationError

from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.fault_plan import Faults
from tradinglab_exchange.frame_faults import FrameFaults
from tradinglab_exchange.hub import encoded

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/_faults"
_CONTROLS = "/_"
_TIMED_OUT = ApiError(
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; "
    "execution status unknown.",
    status=504,
)


class FaultSwitch:
    """`seed` fixes which requests a brown-out strikes."""

    def __init__(
        self,
        disconnect: Callable[[], Awaitable[None]],
        applied: Callable[[Faults], None],
        seed: int,
    ) -> None:
        self._plan = Faults.model_validate({})
        self.frames = FrameFaults(self._plan)
        self._outage_until = 0.0
        self._disconnect, self._applied = disconnect, applied
        self._chance = random.Random(seed)  # noqa: S311

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._switch), web.delete(PATH, self._reset)]

    async def _reset(self, request: web.Request) -> web.Response:
        """Nothing is wrong any more."""
        del request
        self._outage_until = 0.0
        self._use(Faults.model_validate({}))
        return self._shown()

    def _use(self, plan: Faults) -> None:
        self._plan = self.frames.plan = plan
        self._applied(plan)
        plan.transfers = {}

    def _shown(self) -> web.Response:
        return web.Response(text=self._plan.model_dump_json(), content_type="application/json")

    async def _switch(self, request: web.Request) -> web.Response:
        """Fields that are not given stay as they are."""
        try:
            asked = Faults.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"error": str(error)}, status=400)
        given = {name: getattr(asked, name) for name in asked.model_fields_set}
        if given.get("outage_seconds"):
            self._outage_until = time.monotonic() + asked.outage_seconds
        self._use(self._plan.model_copy(update=given))
        if asked.disconnect or asked.outage_seconds:
            self._plan.disconnect = False
            await self._disconnect()
        return self._shown()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_CONTROLS):
            return await handler(request)
        if time.monotonic() < self._outage_until:
            return _cut(request)
        name = f"{request.method} {request.path}"
        if self._plan.only not in name:
            return await handler(request)
        is_order = name.startswith("POST /api/v3/order")
        instead = self._instead() or (await self._instead_of_order() if is_order else None)
        if instead is not None:
            return instead
        await self._delay()
        return await self._spoilt(await handler(request), is_order)

    def _instead(self) -> web.Response | None:
        """An answer that comes in place of the request's own."""
        plan = self._plan
        if plan.server_errors:
            plan.server_errors -= 1
            return _server_error(plan.server_error_status)
        if plan.server_error_fraction and self._chance.random() < plan.server_error_fraction:
            return _server_error(plan.server_error_status)
        if plan.too_many_requests:
            plan.too_many_requests -= 1
            return _refused(ApiError(-1003, "Too many requests queued.", 429), plan)
        if plan.banned_requests:
            plan.banned_requests -= 1
            until = int((time.time() + plan.retry_after_seconds) * 1000)
            text = f"Way too much request weight used; IP banned until {until}."
            return _refused(ApiError(-1003, text, 418), plan)
        return None

    async def _instead_of_order(self) -> web.Response | None:
        plan = self._plan
        if plan.refused_orders:
            plan.refused_orders -= 1
            return _refused(ApiError(plan.refusal_code, plan.refusal_message))
        if plan.unaccepted_orders:
            plan.unaccepted_orders -= 1
            await asyncio.sleep(plan.unanswered_seconds)
            return _refused(_TIMED_OUT)
        return None

    async def _delay(self) -> None:
        if self._plan.slow_requests:
            self._plan.slow_requests -= 1
            await asyncio.sleep(self._plan.slow_seconds)

    async def _spoilt(self, response: web.StreamResponse, is_order: bool) -> web.StreamResponse:
        """What arrives of an answer."""
        plan = self._plan
        if response.status != 200:
            return response
        if is_order and plan.unanswered_orders:
            plan.unanswered_orders -= 1
            await asyncio.sleep(plan.unanswered_seconds)
            return _refused(_TIMED_OUT)
        if plan.broken_answers:
            plan.broken_answers -= 1
            return web.Response(text='{"code', content_type="application/json")
        return response


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _server_error(status: int) -> web.Response:
    return web.Response(status=status, text="<html><body>Service Unavailable</body></html>")


def _refused(refusal: ApiError, plan: Faults | None = None) -> web.Response:
    headers = {"Retry-After": str(plan.retry_after_seconds)} if plan else None
    return web.Response(
        status=refusal.status,
        text=encoded(refusal.document()),
        content_type="application/json",
        headers=headers,
    )
