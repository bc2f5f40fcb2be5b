"""How often one client may ask: a token bucket for each address.

Called by the frame for every request under /v1. Remembers a bounded number of clients.
"""

import threading
from collections import OrderedDict
from typing import Final

REMEMBERED_CLIENTS: Final = 4096


class RateLimit:
    """`per_second` tokens flow into each client's bucket, which holds `burst`."""

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def seconds_to_wait(self, client: str, now: float) -> float:
        """0 when the client may ask now, which takes a token; `now` on a monotonic clock."""
        with self._lock:
            tokens, before = self._buckets.get(client, (float(self.burst), now))
            tokens = min(float(self.burst), tokens + (now - before) * self.per_second)
            allowed = tokens >= 1
            self._buckets[client] = (tokens - allowed, now)
            self._buckets.move_to_end(client)
            if len(self._buckets) > REMEMBERED_CLIENTS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self.per_second
