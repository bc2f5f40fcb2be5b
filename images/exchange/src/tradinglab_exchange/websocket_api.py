"""The WebSocket API at `/ws-api/v3`: requests by name, and the user data stream.

Registered by the application. Account events reach each subscriber as
`{"subscriptionId": n, "event": {...}}`, in the order they happened.
"""

import json
from collections.abc import Callable

from aiohttp import web

from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.hub import Connection, encoded
from tradinglab_exchange.operations import Operation, Security
from tradinglab_exchange.parameters import Params
from tradinglab_exchange.rate_limits import RateLimits
from tradinglab_exchange.signatures import Signatures
from tradinglab_exchange.sockets import SocketLife, refused_connection, serve_socket
from tradinglab_exchange.weights import weight_of

_SUBSCRIBE_WEIGHT = 2


def _written(value: object) -> str:
    """A JSON value as it counts for the signature."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return encoded(value) if isinstance(value, list | dict) else str(value)


def _event(subscription: int, event: dict[str, object]) -> str:
    return encoded({"subscriptionId": subscription, "event": event})


class WebSocketApi:
    """One account, so at most one subscription per connection."""

    def __init__(
        self,
        operations: list[Operation],
        signatures: Signatures,
        limits: RateLimits,
        settle: Callable[[], None],
        life: SocketLife,
    ) -> None:
        self._operations = {one.websocket_name: one for one in operations if one.websocket_name}
        self._signatures, self._limits, self._settle = signatures, limits, settle
        self._life = life
        self._connected_since: dict[Connection, int] = {}
        self._subscriptions: dict[Connection, int] = {}
        self._next_subscription: dict[Connection, int] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/ws-api/v3", self._serve)]

    def publish(self, event: dict[str, object]) -> None:
        """Sends one account event to all subscribers."""
        for connection, subscription in self._subscriptions.items():
            connection.send(_event(subscription, event))

    def connections(self) -> set[Connection]:
        return set(self._connected_since)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        refusal = refused_connection(self._limits, request)
        if refusal is not None:
            return refusal
        address = request.remote or "unknown"
        opened: list[Connection] = []

        def note(connection: Connection) -> None:
            opened.append(connection)
            self._connected_since[connection] = self._signatures.server_time()

        async def received(connection: Connection, text: str) -> None:
            connection.send(encoded(await self._answer(connection, text, address)))

        try:
            return await serve_socket(request, False, self._life, note, received)
        finally:
            for connection in opened:
                self._subscriptions.pop(connection, None)
                self._next_subscription.pop(connection, None)
                self._connected_since.pop(connection, None)

    async def _answer(self, connection: Connection, text: str, address: str) -> dict[str, object]:
        request_id: object = None
        try:
            request = json.loads(text)
            if not isinstance(request, dict) or not isinstance(request.get("method"), str):
                raise ApiError(-1135, "Invalid JSON Request")
            request_id = request.get("id")
            given = request.get("params") or {}
            if not isinstance(given, dict):
                raise ApiError(-1135, "JSON sent for parameter 'params' is not valid")
            params = {name: _written(value) for name, value in given.items()}
            result = await self._run(connection, request["method"], params, address)
            status, outcome = 200, {"result": result}
        except json.JSONDecodeError:
            error = ApiError(-1135, "Invalid JSON Request")
            status, outcome = error.status, {"error": error.document()}
        except ApiError as error:
            status, outcome = error.status, {"error": error.document()}
        limits = [self._limits.weight_document(address)]
        return {"id": request_id, "status": status, **outcome, "rateLimits": limits}

    async def _run(
        self, connection: Connection, method: str, params: Params, address: str
    ) -> object:
        operation = self._operations.get(method)
        weight = operation.weight if operation else _SUBSCRIBE_WEIGHT
        self._limits.spend(address, weight_of(weight, params))
        if operation is None:
            return self._session(connection, method, params)
        if operation.security is not Security.NONE:
            self._check_signed(params)
        if operation.security is Security.TRADE:
            self._signatures.check_trading()
        return await operation.carried_out(params, self._settle)

    def _check_signed(self, params: Params) -> None:
        payload = "&".join(
            f"{name}={params[name]}" for name in sorted(params) if name != "signature"
        )
        self._signatures.check(params.get("apiKey"), payload, params)

    def _session(self, connection: Connection, method: str, params: Params) -> object:
        if method == "userDataStream.subscribe.signature":
            self._check_signed(params)
            return {"subscriptionId": self._subscribe(connection)}
        if method == "userDataStream.unsubscribe":
            wanted = params.get("subscriptionId")
            current = self._subscriptions.get(connection)
            if current is None or (wanted is not None and wanted != str(current)):
                raise ApiError(-2035, "User Data Stream subscription not found.")
            del self._subscriptions[connection]
            now = self._signatures.server_time()
            connection.send(_event(current, {"e": "eventStreamTerminated", "E": now}))
            return {}
        if method == "session.subscriptions":
            current = self._subscriptions.get(connection)
            return [] if current is None else [{"subscriptionId": current}]
        if method == "session.status":
            return {
                "apiKey": None,
                "authorizedSince": None,
                "connectedSince": self._connected_since[connection],
                "returnRateLimits": True,
                "serverTime": self._signatures.server_time(),
                "userDataStream": connection in self._subscriptions,
            }
        if method in ("session.logon", "userDataStream.subscribe"):
            raise ApiError(
                -4056, "HMAC_SHA256 API key is not supported: use "
                "userDataStream.subscribe.signature.",
            )  # fmt: skip
        raise ApiError(-1020, f"This operation is not supported: {method}")

    def _subscribe(self, connection: Connection) -> int:
        if connection in self._subscriptions:
            raise ApiError(-2034, "User Data Stream subscription already active.")
        number = self._next_subscription.get(connection, 0)
        self._next_subscription[connection] = number + 1
        self._subscriptions[connection] = number
        return number
