"""What the engine remembers of the bars: average true range and recent highs, bar by bar.

Called by `step` for each bar, and over history bars before the first decision.
Source: Wilder (1978), New Concepts in Technical Trading Systems: ATR += (TR − ATR)/n.
"""

from pydantic import BaseModel, ConfigDict

from tradinglab.domain.bar import Bar


class Indicators(BaseModel):
    """`last_open_time` is None before the first bar. Uses closed bars only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    last_open_time: int | None = None
    last_close: float = 0.0
    average_true_range: float = 0.0
    bars_seen: int = 0
    highs: tuple[float, ...] = ()

    def observe(
        self, bar: Bar, bar_milliseconds: int, atr_bars: int, highs_kept: int = 22
    ) -> "Indicators":
        """Adds a bar; one already seen, or older, changes nothing.

        Across a gap the true range is the bar's own range: the jump is not one bar's movement.
        """
        if self.last_open_time is not None and bar.open_time <= self.last_open_time:
            return self
        true_range = bar.high - bar.low
        if (
            self.last_open_time is not None
            and bar.open_time == self.last_open_time + bar_milliseconds
        ):
            true_range = max(
                true_range, abs(bar.high - self.last_close), abs(bar.low - self.last_close)
            )
        count = self.bars_seen + 1
        weight = 1 / min(count, atr_bars)
        return Indicators(
            last_open_time=bar.open_time,
            last_close=bar.close,
            average_true_range=self.average_true_range
            + (true_range - self.average_true_range) * weight,
            bars_seen=count,
            highs=(*self.highs, bar.high)[-highs_kept:],
        )
