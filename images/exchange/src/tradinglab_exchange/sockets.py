"""The life of a server WebSocket: pings, the outgoing pump, the 24-hour end.

Used by the stream handler and the WebSocket API handler.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.hub import Connection
from tradinglab_exchange.rate_limits import RateLimits

CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SocketLife:
    """A socket is pinged that often and closed after so long."""

    ping_seconds: float
    session_seconds: float


async def close_all(connections: Iterable[Connection]) -> None:
    """Closes them together; a peer that does not answer holds up nobody for long."""
    closing = (one.socket.close(code=WSCloseCode.GOING_AWAY) for one in connections)
    await asyncio.gather(*closing, return_exceptions=True)


def refused_connection(limits: RateLimits, request: web.Request) -> web.Response | None:
    """The answer to a handshake too many."""
    try:
        limits.count_connection(request.remote or "unknown")
    except ApiError as error:
        headers = {"Retry-After": str(error.retry_after_seconds)}
        return web.json_response(error.document(), status=error.status, headers=headers)
    return None


async def serve_socket(
    request: web.Request,
    combined: bool,
    life: SocketLife,
    opened: Callable[[Connection], None],
    received: Callable[[Connection, str], Awaitable[None]],
) -> web.WebSocketResponse:
    """Runs one connection to its end."""
    socket = web.WebSocketResponse(
        timeout=CLOSE_SECONDS, heartbeat=life.ping_seconds, compress=False, autoping=False
    )
    await socket.prepare(request)
    connection = Connection(socket, combined)
    pump = asyncio.create_task(connection.pump())
    try:
        opened(connection)
        async with asyncio.timeout(life.session_seconds):
            async for message in socket:
                if connection.mute:
                    continue
                if message.type is WSMsgType.TEXT:
                    await received(connection, message.data)
                elif message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is not WSMsgType.PONG:
                    break
    except TimeoutError:
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"Session expired")
    finally:
        pump.cancel()
    return socket
