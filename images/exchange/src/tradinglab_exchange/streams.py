"""WebSocket market streams: `/ws`, `/ws/<stream>` and `/stream?streams=a/b`.

Registered by the application; publishes nothing itself, it only manages subscriptions.
"""

import json
import re
import time

from aiohttp import WSCloseCode, web

from tradinglab_exchange.hub import Connection, StreamHub, encoded
from tradinglab_exchange.rate_limits import RateLimits
from tradinglab_exchange.sockets import SocketLife, refused_connection, serve_socket

MESSAGES_A_SECOND = 5
STREAMS_A_CONNECTION = 1024
_STREAM = re.compile(r"^[a-z0-9]+@[A-Za-z0-9_@+:]+$")


class MarketStreams:
    """Handlers of the market stream endpoints."""

    def __init__(self, hub: StreamHub, limits: RateLimits, life: SocketLife) -> None:
        self._hub, self._limits, self._life = hub, limits, life

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ws", self._raw),
            web.get("/ws/{streams:.+}", self._raw),
            web.get("/stream", self._combined),
        ]

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, False, request.match_info.get("streams", ""))

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, True, request.query.get("streams", ""))

    async def _serve(self, request: web.Request, combined: bool, names: str) -> web.StreamResponse:
        refusal = refused_connection(self._limits, request)
        if refusal is not None:
            return refusal
        opened: list[Connection] = []

        def subscribe(connection: Connection) -> None:
            opened.append(connection)
            for stream in filter(None, names.split("/")):
                self._hub.subscribe(connection, stream)

        try:
            return await serve_socket(request, combined, self._life, subscribe, self._received)
        finally:
            for connection in opened:
                self._hub.leave(connection)

    async def _received(self, connection: Connection, text: str) -> None:
        if connection.received_in_this_second(time.monotonic()) > MESSAGES_A_SECOND:
            message = b"Too many requests"
            await connection.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=message)
            return
        connection.send(encoded(self._answer(connection, text)))

    def _answer(self, connection: Connection, text: str) -> dict[str, object]:
        try:
            request = json.loads(text)
        except json.JSONDecodeError as error:
            return _refusal(3, f"Invalid JSON: {error.msg} at column {error.colno}", None)
        if not isinstance(request, dict):
            return _refusal(2, "Invalid request: expected an object", None)
        request_id, method = request.get("id"), request.get("method")
        streams = request.get("params", [])
        if not isinstance(method, str):
            return _refusal(2, "Invalid request: missing field `method`", request_id)
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": sorted(connection.streams), "id": request_id}
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return _refusal(2, f"Invalid request: unknown variant `{method}`", request_id)
        if not isinstance(streams, list) or not all(
            isinstance(stream, str) and _STREAM.match(stream) for stream in streams
        ):
            return _refusal(2, "Invalid request: params must be stream names", request_id)
        if method == "SUBSCRIBE" and (
            len(connection.streams | set(streams)) > STREAMS_A_CONNECTION
        ):
            return _refusal(2, "Invalid request: at most 1024 streams", request_id)
        change = self._hub.subscribe if method == "SUBSCRIBE" else self._hub.unsubscribe
        for stream in streams:
            change(connection, stream)
        return {"result": None, "id": request_id}


def _refusal(code: int, message: str, request_id: object) -> dict[str, object]:
    return {"error": {"code": code, "msg": message}, "id": request_id}
