"""Rules that span several fields of a spec, each written for Python and for CEL side by side.

Called by the spec's own validator; the CRD generator takes the CEL, so that `kubectl apply` and
`tradinglab-operator check` refuse the same input with the same words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradinglab.domain.history import HAR_DAYS, LEAST_USABLE_BARS, RECURSION_WARM_UP_BARS
from tradinglab.domain.market import DAYS, MILLISECONDS, TIMEFRAMES, timeframe_milliseconds

if TYPE_CHECKING:
    from tradinglab.resource.spec import TradingModelSpec

GROUP = "tradinglab.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "TradingModel"
MAX_NAME_LENGTH = 40
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
WARM_UP_DAYS = HAR_DAYS[-1]
# Walk-forward gives the first fold's training 40 % of the usable rows less three purged horizons.
# Twenty spans of window and horizon make that eight windows, however few the folds.
LEAST_FOLDS_COUNTED = 3
MAX_HISTORY_DAYS = 20 * 365

_UNIT_DAYS = "{" + ", ".join(f"'{unit}': {days}" for unit, days in DAYS.items()) + "}"
_MINUTES = (
    "{"
    + ", ".join(f"'{name}': {timeframe_milliseconds(name) // 60_000}" for name in TIMEFRAMES)
    + "}"
)
_HISTORY = "self.market.history"
_DAYS = (
    f"int({_HISTORY}.substring(0, size({_HISTORY}) - 1)) "
    f"* {_UNIT_DAYS}[{_HISTORY}.substring(size({_HISTORY}) - 1)]"
)
_MINUTES_PER_BAR = f"{_MINUTES}[self.market.timeframe]"
_BARS = f"{_DAYS} * 1440 / {_MINUTES_PER_BAR}"
_WARM_UP = (
    f"({WARM_UP_DAYS * 1440} / {_MINUTES_PER_BAR} > {RECURSION_WARM_UP_BARS} "
    f"? {WARM_UP_DAYS * 1440} / {_MINUTES_PER_BAR} : {RECURSION_WARM_UP_BARS})"
)
_SPAN = "(self.training.windowBars + self.training.horizonBars)"
_FOLDS = (
    f"(self.training.folds > {LEAST_FOLDS_COUNTED} ? self.training.folds : {LEAST_FOLDS_COUNTED})"
)
_SPANS = f"4 * ({_FOLDS} + 2) * {_SPAN}"
_NEEDED = (
    f"{_WARM_UP} + {_SPAN} + ({_SPANS} > {LEAST_USABLE_BARS} ? {_SPANS} : {LEAST_USABLE_BARS})"
)


@dataclass(frozen=True)
class Rule:
    """`holds` and `cel` say the same. `message` names `field`; `found` adds the values, which CEL
    may not: the API server bounds what a message can cost, and numbers in it have no bound."""

    field: str
    holds: Callable[["TradingModelSpec"], bool]
    message: str
    found: Callable[["TradingModelSpec"], str]
    cel: str


def needed_bars(spec: "TradingModelSpec") -> int:
    """The least history that leaves every fold something to learn from and to be judged on.

    What no forecast can be made for (the indicators' warm-up, the first window, the last horizon),
    then for each fold, the first training and the last calibration four spans of window and
    horizon, with three folds at least: so the first fold trains on eight windows or more.
    """
    bar = timeframe_milliseconds(spec.market.timeframe)
    warm_up = max(RECURSION_WARM_UP_BARS, WARM_UP_DAYS * MILLISECONDS["d"] // bar)
    training = spec.training
    span = training.window_bars + training.horizon_bars
    spans = 4 * (max(training.folds, LEAST_FOLDS_COUNTED) + 2) * span
    return warm_up + span + max(spans, LEAST_USABLE_BARS)


SPEC_RULES = (
    Rule(
        field="training.horizonBars",
        holds=lambda spec: spec.training.horizon_bars <= 4 * spec.training.window_bars,
        message="training.horizonBars must be at most four times training.windowBars",
        found=lambda spec: f"{spec.training.horizon_bars} and {spec.training.window_bars}",
        cel="self.training.horizonBars <= 4 * self.training.windowBars",
    ),
    Rule(
        field="market.history",
        holds=lambda spec: spec.market.history_days <= MAX_HISTORY_DAYS,
        message="market.history must be at most 20 years",
        found=lambda spec: spec.market.history,
        cel=f"{_DAYS} <= {MAX_HISTORY_DAYS}",
    ),
    Rule(
        field="market.history",
        holds=lambda spec: spec.market.history_bars >= needed_bars(spec),
        message="market.history is too short for market.timeframe: it must hold the warm-up "
        f"({RECURSION_WARM_UP_BARS} bars or {WARM_UP_DAYS} days, whichever is more), one span of "
        "training.windowBars + training.horizonBars, and 4 × (training.folds + 2) spans (of at "
        f"least {LEAST_FOLDS_COUNTED} folds) or {LEAST_USABLE_BARS} bars, whichever is more",
        found=lambda spec: (
            f"{spec.market.history} is {spec.market.history_bars} bars of "
            f"{spec.market.timeframe}, expected at least {needed_bars(spec)}"
        ),
        cel=f"{_BARS} >= {_NEEDED}",
    ),
)


def broken_rules(spec: "TradingModelSpec") -> list[str]:
    """The messages of every rule that `spec` breaks."""
    return [
        f"{rule.message} (found {rule.found(spec)})" for rule in SPEC_RULES if not rule.holds(spec)
    ]
