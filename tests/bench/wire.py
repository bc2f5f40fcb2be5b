"""A TCP relay that notes when a closing bar and the first order after it pass. Used by bot_bench.

It stands between bot and exchange for streams and REST alike, so that both instants are of the
wire: the bar's when it is sent on to the bot, the order's when its first bytes come back.
"""

import asyncio
import time

CLOSING = b'"x":true'
ORDER = b"POST /api/v3/order"


class Wire:
    """`seconds` holds one figure for each bar that an order followed."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._host, self._port = host, int(port)
        self._closed_at: float | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.seconds: list[float] = []
        self.bars = 0
        self.address = ""

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = await asyncio.open_connection(self._host, self._port)
        tasks = [
            asyncio.ensure_future(self._pump(reader, theirs, self._from_bot)),
            asyncio.ensure_future(self._pump(ours, writer, self._to_bot)),
        ]
        self._open.update(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for end in (writer, theirs):
                end.close()

    async def _pump(self, reader, writer, note) -> None:
        while chunk := await reader.read(65_536):
            note(chunk)
            writer.write(chunk)
            await writer.drain()

    def _to_bot(self, chunk: bytes) -> None:
        if CLOSING in chunk:
            self.bars += 1
            self._closed_at = time.perf_counter()

    def _from_bot(self, chunk: bytes) -> None:
        if self._closed_at is not None and ORDER in chunk[:200]:
            self.seconds.append(time.perf_counter() - self._closed_at)
            self._closed_at = None
