"""Fans market events out to WebSocket subscribers, each with a bounded queue of its own.

Streams are added by the stream handler; the exchange publishes. A reader that falls too far
behind is disconnected, as on the exchange, rather than slowing the others.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable

from aiohttp import WSCloseCode, web

_QUEUE_FRAMES = 20_000


def encoded(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


class Connection:
    """One WebSocket's outgoing side. Frames are sent in order by `pump`."""

    def __init__(self, socket: web.WebSocketResponse, combined: bool) -> None:
        self.socket, self.combined = socket, combined
        self.streams: set[str] = set()
        self._frames: asyncio.Queue[str] = asyncio.Queue(_QUEUE_FRAMES)
        self.overrun = False
        self.mute = False
        self._second, self._received = 0, 0

    def send(self, frame: str) -> None:
        if self.mute:
            return
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.overrun = True

    def received_in_this_second(self, now: float) -> int:
        """Counts one message from the other side."""
        if int(now) != self._second:
            self._second, self._received = int(now), 0
        self._received += 1
        return self._received

    async def pump(self) -> None:
        """Until the socket closes or the reader is too slow."""
        while not self.overrun:
            frame = await self._frames.get()
            try:
                await self.socket.send_str(frame)
            except (ConnectionError, RuntimeError):
                return
        await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too slow")


class StreamHub:
    """Who listens to which stream."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Connection]] = defaultdict(set)
        self.on_subscribe: Callable[[str], None] = lambda _: None

    def subscribe(self, connection: Connection, stream: str) -> None:
        connection.streams.add(stream)
        self._listeners[stream].add(connection)
        self.on_subscribe(stream)

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        connection.streams.discard(stream)
        self._listeners[stream].discard(connection)

    def leave(self, connection: Connection) -> None:
        for stream in list(connection.streams):
            self.unsubscribe(connection, stream)

    def has_listeners(self, stream: str) -> bool:
        return bool(self._listeners.get(stream))

    def publish(self, stream: str, payload: object) -> None:
        """`payload` as JSON; text goes out as it is."""
        connections = self._listeners.get(stream)
        if not connections:
            return
        raw = payload if isinstance(payload, str) else encoded(payload)
        wrapped = f'{{"stream":"{stream}","data":{raw}}}'
        for connection in connections:
            connection.send(wrapped if connection.combined else raw)

    def connections(self) -> set[Connection]:
        """Everybody who listens to something."""
        return {one for listeners in self._listeners.values() for one in listeners}
