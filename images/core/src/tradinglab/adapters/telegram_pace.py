"""How fast messages may go to one chat. Used by the Telegram adapter for everything it sends.

Telegram's limits (bots FAQ): one message per second to a chat, 20 per minute to a group; and
whatever time an answer 429 asks to wait.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

APART_SECONDS: Final = 1.0
GROUP_MESSAGES: Final = 20
GROUP_SECONDS: Final = 60.0


class Pace:
    """`now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._sent: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=GROUP_MESSAGES))
        self._held_until: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def pause_seconds(self, chat: str) -> float:
        """How long until the next message may go to `chat`."""
        now, sent = self._now(), self._sent[chat]
        earliest = self._held_until.get(chat, now)
        if sent:
            earliest = max(earliest, sent[-1] + APART_SECONDS)
        if not chat.isdigit() and len(sent) == GROUP_MESSAGES:  # groups and channels
            earliest = max(earliest, sent[0] + GROUP_SECONDS)
        return max(earliest - now, 0.0)

    def hold(self, chat: str, seconds: float) -> None:
        """Telegram asked to wait."""
        self._held_until[chat] = self._now() + seconds

    @asynccontextmanager
    async def turn(self, chat: str) -> AsyncIterator[None]:
        """One message at a time to a chat; counted once it is through, as the server counts it."""
        async with self._locks[chat]:
            await asyncio.sleep(self.pause_seconds(chat))
            try:
                yield
            finally:
                self._sent[chat].append(self._now())
