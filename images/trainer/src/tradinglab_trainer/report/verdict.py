"""The verdict in a sentence, and the four figures to know first.

Called by the page. The words follow the gate's: what it did not decide is not decided here.
"""

from dataclasses import dataclass

from tradinglab.artifact.manifest import Comparison, Gate
from tradinglab.domain.forecast import Verdict
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.wording import (
    FIXED_SPACE,
    count,
    fine_percent,
    gain,
    loss,
    percent,
    plural,
    signed_percent,
)

COMPARED = {
    Comparison.FIRST: "There is no champion to compare it with.",
    Comparison.BETTER: "It beats the champion on the same folds.",
    Comparison.INCONCLUSIVE: "It is neither shown better nor worse than the champion.",
    Comparison.WORSE: "It is worse than the champion on the same folds.",
}


@dataclass(frozen=True)
class Statement:
    """`badge` and `tone` name the verdict; `servable` and `compared` are sentences of their own."""

    badge: str
    tone: str
    sentence: str
    servable: str
    compared: str
    reason: str


def state(evidence: Evidence) -> Statement:
    gate = evidence.gate
    badge, tone, sentence = {
        Verdict.TRADEABLE: ("Tradeable", "good", _tradeable),
        Verdict.UNPROVEN: ("Unproven", "open", _unproven),
        Verdict.NO_SKILL: ("NoSkill", "none", _no_skill),
    }[gate.verdict]
    return Statement(
        badge,
        tone,
        sentence(evidence),
        _servable(gate),
        COMPARED[gate.comparison],
        gate.verdict_reason,
    )


def _found(evidence: Evidence) -> str:
    m = evidence.metrics
    return (
        f"on direction the forecasts gain {gain(m['direction_gain'])} nats over prior and even "
        f"odds (95 % interval {gain(m['direction_gain_low'])} to "
        f"{gain(m['direction_gain_high'])}), on about "
        f"{count(m['effective_observations'])} independent observations"
    )


def _needed(evidence: Evidence) -> str:
    return gain(evidence.metrics["direction_gain_needed"])


def _tradeable(evidence: Evidence) -> str:
    return f"Skill is shown: {_found(evidence)}, and every check that trading asks for passed."


def _unproven(evidence: Evidence) -> str:
    return (
        f"Skill is neither shown nor ruled out: {_found(evidence)}; costs need "
        f"{_needed(evidence)}, and a gain under {gain(evidence.gate.detectable_gain)} could hide "
        f"in this sample."
    )


def _no_skill(evidence: Evidence) -> str:
    return (
        f"No skill that pays its costs: {_found(evidence)}, and even the upper end is below the "
        f"{_needed(evidence)} that costs need."
    )


def _servable(gate: Gate) -> str:
    failed = sum(check.decides == "servable" and not check.passed for check in gate.checks)
    if not gate.servable:
        return f"Not servable: {plural(failed, 'check')} of those that decide it failed."
    if gate.verdict is Verdict.TRADEABLE:
        return "Servable: it may be served, and positions may be opened on it."
    return "Servable: it may be served and paper-traded; no position is opened live on it."


@dataclass(frozen=True)
class Tile:
    """`beside`: what to hold the value against."""

    name: str
    value: str
    beside: str


def headline(evidence: Evidence) -> list[Tile]:
    m = evidence.metrics
    better = 1 - m["qlike"] / m["qlike_har"] if m["qlike_har"] else 0.0
    volatility = f"{percent(abs(better))} {'worse' if better < 0 else 'better'}"
    losses = f"QLIKE {loss(m['qlike'])}, log-HAR {loss(m['qlike_har'])}"
    width = percent(m["direction_accuracy_half_width"])
    right = f"±{FIXED_SPACE}{width} · a coin: {percent(0.5, 0)}"
    null = f"chance alone: up to {fine_percent(m['ece_null'])}"
    traded = plural(round(m["trades"]), "trade")
    held = f"buy and hold {percent(m['buy_and_hold'], 0, signed=True)}"
    return [
        Tile("Right on direction", percent(m["direction_accuracy"]), right),
        Tile("Calibration error", fine_percent(m["ece"]), null),
        Tile("Volatility against log-HAR", volatility, losses),
        Tile("Net return, rough strategy", signed_percent(m["net_return"]), f"{traded} · {held}"),
    ]
