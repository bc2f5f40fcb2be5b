"""The REST layer: parameters, security, rate limits, JSON answers and error bodies.

Registered by the application under `/api/v3`; one handler for every operation.
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.hub import encoded
from tradinglab_exchange.operations import Operation, Security
from tradinglab_exchange.rate_limits import RateLimits
from tradinglab_exchange.signatures import Signatures
from tradinglab_exchange.weights import weight_of

_PREFIX = "/api/v3/"


def _parsed(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    params = dict(pairs)
    if len(params) < len(pairs):
        raise ApiError(-1101, "Duplicate values for a parameter detected.")
    return params


def _without_signature(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


async def _gone(request: web.Request) -> web.Response:
    """listenKeys were retired on 2026-02-20; account events come from the WebSocket API."""
    del request
    return web.Response(status=410, text="<h1>410 Gone</h1>", content_type="text/html")


class RestApi:
    """`settle` saves and publishes what an operation changed."""

    def __init__(
        self,
        operations: list[Operation],
        signatures: Signatures,
        limits: RateLimits,
        settle: Callable[[], None],
    ) -> None:
        self._operations = operations
        self._signatures, self._limits, self._settle = signatures, limits, settle

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route(
                operation.method,
                operation.path if operation.path.startswith("/") else _PREFIX + operation.path,
                self._handler(operation),
            )
            for operation in self._operations
        ] + [web.route("*", _PREFIX + "userDataStream", _gone)]

    def _handler(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            address = request.remote or "unknown"
            try:
                answer = await self._run(operation, request, address)
            except ApiError as error:
                return self._refused(error, address)
            return self._response(answer, 200, address)

        return handle

    async def _run(self, operation: Operation, request: web.Request, address: str) -> object:
        query, body = (
            request.rel_url.raw_query_string,
            (await request.read()).decode(errors="replace"),
        )
        params = _parsed(query)
        sent = _parsed(body)
        if params.keys() & sent.keys():
            raise ApiError(-1101, "Duplicate values for a parameter detected.")
        params |= sent
        self._limits.spend(address, weight_of(operation.weight, params))
        if operation.security is not Security.NONE:
            payload = _without_signature(query) + _without_signature(body)
            self._signatures.check(request.headers.get("X-MBX-APIKEY"), payload, params)
        if operation.security is Security.TRADE:
            self._signatures.check_trading()
        return await operation.carried_out(params, self._settle)

    def _response(
        self,
        answer: object,
        status: int,
        address: str,
        extra: Mapping[str, str] | None = None,
    ) -> web.Response:
        weight = str(self._limits.used_weight(address))
        ten_seconds, day = self._limits.used_orders()
        headers = {
            "X-MBX-USED-WEIGHT": weight,
            "X-MBX-USED-WEIGHT-1M": weight,
            "X-MBX-ORDER-COUNT-10S": str(ten_seconds),
            "X-MBX-ORDER-COUNT-1D": str(day),
            **(extra or {}),
        }
        return web.Response(
            text=encoded(answer), status=status, content_type="application/json", headers=headers
        )

    def _refused(self, error: ApiError, address: str) -> web.Response:
        extra = (
            {}
            if error.retry_after_seconds is None
            else {"Retry-After": str(error.retry_after_seconds)}
        )
        return self._response(error.document(), error.status, address, extra)
