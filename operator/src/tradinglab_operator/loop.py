"""The reconcile loop: visits every model when woken and every few seconds.

Started by the handlers at start-up; its heartbeat is what the liveness probe asks for.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from tradinglab.logs import fields
from tradinglab_operator.cluster import ClusterTrouble

log = logging.getLogger(__name__)

# Events come in bursts; one visit answers them all.
SETTLE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STALE_SECONDS = 120.0


class ReconcileLoop:
    """`visit` blocks, so it runs in a thread; never two at once."""

    def __init__(self, visit: Callable[[], int], tick_seconds: float) -> None:
        self._visit = visit
        self._tick_seconds = tick_seconds
        self._wake = asyncio.Event()
        self._beat = time.monotonic()
        self._trouble = ""
        self._troubles = 0

    def wake(self) -> None:
        self._wake.set()

    @property
    def silent_seconds(self) -> float:
        return time.monotonic() - self._beat

    async def run(self) -> None:
        """Until it is cancelled. An API server that does not answer is waited for."""
        while True:
            self._wake.clear()
            busy = await self._visit_once()
            self._beat = time.monotonic()
            if busy:
                await asyncio.sleep(SETTLE_SECONDS)
                continue
            pause = self._tick_seconds
            if self._troubles:
                pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(self._troubles - 1, 5))
                await asyncio.sleep(pause)
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue
            await asyncio.sleep(SETTLE_SECONDS)

    async def _visit_once(self) -> bool:
        """True if something was done, so that there may be more to do."""
        try:
            done = await asyncio.to_thread(self._visit)
        except ClusterTrouble as trouble:
            self._troubles += 1
            if trouble.message != self._trouble:
                self._trouble = trouble.message
                log.warning(trouble.message, extra=fields(reason=trouble.reason))
            return False
        if self._trouble:
            log.info("the namespace is served again")
        self._trouble, self._troubles = "", 0
        return done > 0
