"""What `step` returns: a reason, its explanation in numbers, and the intents.

Recorded for every bar by the bot's ledger.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.market import timeframe_milliseconds
from tradinglab.domain.order import Intent


class Reason(StrEnum):
    """Why the engine did what it did at one bar; every bar has exactly one."""

    ENTER = "ENTER"
    EXIT = "EXIT"
    HOLDING = "HOLDING"
    ENTRY_RESTING = "ENTRY_RESTING"
    NO_EDGE = "NO_EDGE"
    PAUSED = "PAUSED"
    COOLING_DOWN = "COOLING_DOWN"
    TOO_SMALL = "TOO_SMALL"
    FILTERED = "FILTERED"
    FORECAST_MISSING = "FORECAST_MISSING"
    FORECAST_STALE = "FORECAST_STALE"
    NOT_TRADEABLE = "NOT_TRADEABLE"
    WARMING_UP = "WARMING_UP"
    BEHIND = "BEHIND"
    LATE = "LATE"
    UNRECONCILED = "UNRECONCILED"
    REDUCING = "REDUCING"
    HALTED = "HALTED"

    @property
    def words(self) -> str:
        return REASON_WORDS[self]


REASON_WORDS = {
    Reason.ENTER: "buy",
    Reason.EXIT: "sell",
    Reason.HOLDING: "hold the position",
    Reason.ENTRY_RESTING: "buy order still resting",
    Reason.NO_EDGE: "no edge after costs",
    Reason.PAUSED: "entries paused by a person",
    Reason.COOLING_DOWN: "cooling down",
    Reason.TOO_SMALL: "size too small to trade",
    Reason.FILTERED: "order outside the exchange's filters",
    Reason.FORECAST_MISSING: "no forecast",
    Reason.FORECAST_STALE: "forecast expired",
    Reason.NOT_TRADEABLE: "model not proven tradeable",
    Reason.WARMING_UP: "too few bars seen",
    Reason.BEHIND: "not the newest bar: no entry",
    Reason.LATE: "closed too long ago: no entry",
    Reason.UNRECONCILED: "the account's state is not known",
    Reason.REDUCING: "drawdown limit: selling",
    Reason.HALTED: "halted until a person resumes",
}


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What holds for this bar beside the forecast.

    `age_milliseconds` is how long ago the bar closed, by the market's clock.
    `behind` is true when a newer final bar is already known: then nothing is opened.
    `reconciled` is false when orders and fills could not be fetched: then nothing is done.
    `taker_fee` is a fraction.
    """

    model: ModelFacts
    rules: SymbolRules
    taker_fee: float
    behind: bool = False
    age_milliseconds: int = 0
    reconciled: bool = True

    @property
    def bar_milliseconds(self) -> int:
        return timeframe_milliseconds(self.model.timeframe)


@dataclass(frozen=True, slots=True)
class Decision:
    """`numbers` holds the computed inputs of the decision: edge, confidence, size, urgency."""

    bar_open_time: int
    reason: Reason
    explanation: str
    intents: tuple[Intent, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
