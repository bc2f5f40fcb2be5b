"""One closed candle. Produced by market-data adapters, consumed by features and engine."""

import math
from dataclasses import dataclass

from tradinglab.errors import DataError


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices in quote currency, volume in base currency; `open_time` is UTC milliseconds."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    def verified(self) -> "Bar":
        """Returns itself, or raises DataError that names the bar, the field and its value."""
        for name in ("open", "high", "low", "close"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise DataError(
                    f"bar {self.open_time}: {name} is {value}, expected a price above 0"
                )
        if not (math.isfinite(self.volume) and self.volume >= 0):
            raise DataError(f"bar {self.open_time}: volume is {self.volume}, expected 0 or more")
        if self.high < max(self.open, self.close, self.low) or self.low > min(
            self.open, self.close
        ):
            raise DataError(
                f"bar {self.open_time}: open {self.open}, high {self.high}, low {self.low}, "
                f"close {self.close} are not ordered low ≤ open, close ≤ high"
            )
        return self
