"""How long each stage of a bar takes: kept by the trader, told by /metrics and the log.

Seconds of the monotonic clock; a bar begins when its closing frame was heard.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass
class Histogram:
    """Counts per bucket, not cumulated; the last is for everything beyond."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total_seconds: float = 0.0
    last_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total_seconds += seconds
        self.last_seconds = seconds

    @property
    def count(self) -> int:
        return sum(self.counts)


class Stages:
    """Histograms by the stage's name."""

    def __init__(self) -> None:
        self.of: dict[str, Histogram] = {}

    def add(self, stage: str, seconds: float) -> None:
        self.of.setdefault(stage, Histogram()).add(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.add(stage, time.monotonic() - started)

    def milliseconds(self) -> dict[str, float]:
        """Of the newest bar."""
        return {f"{name}_ms": round(1000 * each.last_seconds, 1) for name, each in self.of.items()}
