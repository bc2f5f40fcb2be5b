"""The gate's checks in words: what was found, what was demanded, what it means.

Called by the page. A check that is not described here is shown under its own name.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tradinglab.artifact.manifest import Check, Gate
from tradinglab_trainer.report.wording import (
    FIXED_SPACE,
    count,
    fine_percent,
    gain,
    loss,
    plain,
    scientific,
    signed_percent,
)

RULES = {"<=": "≤", ">=": "≥", "<": "<", ">": ">", "==": "="}


@dataclass(frozen=True)
class Meaning:
    title: str
    meaning: str
    words: Callable[[float], str] = plain


def _flag(value: float) -> str:
    return "yes" if value else "no"


MEANINGS = {
    "export_difference": Meaning(
        "Exported graph against trained network",
        "The largest difference in any output: what is served must be what was trained.",
        scientific,
    ),
    "brier_excess_low": Meaning(
        "Brier score not clearly worse than the prior’s",
        "Lower end of the interval of the excess; above the limit, the forecasts are surely worse "
        "than class frequencies.",
        gain,
    ),
    "qlike_excess_low": Meaning(
        "Volatility not clearly worse than EWMA",
        "Lower end of the interval of the excess QLIKE; above the limit, the simple average is "
        "surely better.",
        gain,
    ),
    "not_worse_than_champion": Meaning(
        "Worse than the champion",
        "Diebold and Mariano’s one-sided test on the log-losses of the same rows, at 5 %.",
        _flag,
    ),
    "effective_observations": Meaning(
        "Independent observations",
        "Test forecasts over the horizon: with fewer, the intervals are too narrow to believe.",
        count,
    ),
    "gain_low": Meaning(
        "Gain over prior and even odds, four classes",
        "Lower end of its 95 % interval, over the better of the two: only above zero has skill "
        "been shown.",
        gain,
    ),
    "direction_gain_low": Meaning(
        "Gain over prior and even odds, direction",
        "The same for bullish against bearish alone, on which money is made or lost.",
        gain,
    ),
    "ece": Meaning(
        "Calibration error within its null",
        "Stated and observed frequencies may differ as much as they would for a perfectly "
        "calibrated model of this shape in 95 of 100 samples.",
        fine_percent,
    ),
    "qlike_over_ewma": Meaning(
        "Volatility at least as good as EWMA",
        "QLIKE of the forecast against that of the exponentially weighted average (0.94).",
        loss,
    ),
    "trades": Meaning(
        "Trades, rough strategy",
        "With fewer, its return proves nothing.",
        count,
    ),
    "net_return": Meaning(
        "Return after costs, rough strategy",
        "The sum of its trades’ returns: not worse than staying out.",
        signed_percent,
    ),
}  # fmt: skip


def _demanded(check: Check, words: Callable[[float], str]) -> str:
    if words is _flag:
        return _flag(check.limit)
    limit = words(check.limit) if check.limit else "0"
    return f"{RULES[check.rule]}{FIXED_SPACE}{limit}"


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    meaning: str
    value: str
    demanded: str
    passed: bool


def _row(check: Check) -> Row:
    known = MEANINGS.get(check.name) or Meaning(check.name.replace("_", " ").capitalize(), "")
    return Row(
        check.name, known.title, known.meaning, known.words(check.value),
        _demanded(check, known.words), check.passed,
    )  # fmt: skip


def groups(gate: Gate) -> list[tuple[str, str, list[Row]]]:
    """Title, outcome and rows of what each verdict was made from."""
    result = []
    for decides, title in (("servable", "May it be served?"), ("tradeable", "May it be traded?")):
        rows = [_row(check) for check in gate.checks if check.decides == decides]
        passed = sum(row.passed for row in rows)
        result.append((title, f"{passed} of {len(rows)} passed", rows))
    return result
