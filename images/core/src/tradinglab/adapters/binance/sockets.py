"""A WebSocket to the exchange, its failures in our terms. Used by the streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tradinglab.errors import DataError, ExchangeUnavailable

PING_SECONDS = 20


@asynccontextmanager
async def connected(url: str, *, max_queue: int = 16) -> AsyncIterator[ClientConnection]:
    """Raises ExchangeUnavailable when it breaks or says what is not understood, without the cause,
    which may hold what was sent; a TimeoutError is the caller's."""
    try:
        async with connect(
            url,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=2,
            proxy=None,
            max_queue=max_queue,
        ) as socket:
            yield socket
    except TimeoutError:
        raise
    except (OSError, WebSocketException, ValueError, KeyError, DataError) as error:
        raise ExchangeUnavailable(f"{url}: {error or type(error).__name__}") from None
