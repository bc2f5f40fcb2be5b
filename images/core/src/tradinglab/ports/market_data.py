"""Bars of one market. Fulfilled by the exchange adapters, used by the bot's feed.

Whether a bar is final is known from the exchange alone, never from this machine's clock.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from tradinglab.domain.bar import Bar


@dataclass(frozen=True, slots=True)
class StreamedBar:
    """A frame of the stream: the bar as it stands, whether it is closed, and when the market said
    so, in UTC milliseconds of its clock."""

    bar: Bar
    is_final: bool
    time: int


class BarHistory(Protocol):
    async def closed_bars(
        self, since: int | None = None, before: int | None = None
    ) -> tuple[Bar, ...]:
        """At most one page of closed bars, oldest first: from `since` on, or those that opened
        before `before`, or the newest. The exchange's newest bar is in progress and left out.
        Raises ExchangeUnavailable."""


class BarStream(Protocol):
    def frames(self) -> AsyncIterator[StreamedBar]:
        """One connection; the first frame may take as long as the market is quiet. Raises
        ExchangeUnavailable when the connection ends, fails or falls silent."""
