"""The bot at one moment, as the answers to commands read it. Made by the listener.

Taken in the bot's own loop and immutable, so that an answer may be worked out in a thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tradinglab.adapters.ledger.drift_record import Measurement
from tradinglab.domain.forecast import ModelFacts
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState


@dataclass(frozen=True)
class Moment:
    """`now` in UTC milliseconds. What is None is not known, mostly because the bot still starts."""

    ledger: Path
    policy: Policy
    now: int
    uptime_seconds: float
    state: EngineState | None = None
    base: str = "base"
    quote: str = "quote"
    model: ModelFacts | None = None
    drift: Measurement | None = None
    price: float | None = None
    feed_age_seconds: float | None = None
    problems: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    resource: str | None = field(default=None)
    training_wanted: bool = False

    @property
    def last_price(self) -> Decimal | None:
        """Of the stream, or before there is one of the last bar that was decided."""
        seen = self.price
        if seen is None and self.state is not None and self.state.indicators.last_close > 0:
            seen = self.state.indicators.last_close
        return None if seen is None else Decimal(repr(seen))


Answer = Callable[[Moment, str], str]


def number_in(argument: str, default: int, most: int) -> int:
    """The count in a command such as `/daily 30`, kept within 1 and `most`; else the default."""
    word = argument.split()[0] if argument.split() else ""
    return max(1, min(int(word), most)) if word.isascii() and word.isdigit() else default
