"""Answers about the model and its reasons: forecast, verdict, why a bar led to what it did.

Called by the listener.
"""

import re
from datetime import UTC, datetime

from tradinglab.adapters.ledger.telegram_queries import PastDecision, past_decisions
from tradinglab.domain.forecast import Forecast
from tradinglab_bot import story
from tradinglab_bot.telegram_commands.moment import Moment, number_in

CLASSES = ("strongly up", "up", "down", "strongly down")
# What is shown is to be copied into a shell.
DIGEST = re.compile(r"^sha256:[0-9a-f]{1,64}$", re.ASCII)
NO_BAR = "No bar was decided yet."
PERCENT_ENDINGS = ("return", "fraction", "cost", "discount")


def model(moment: Moment, _: str) -> str:
    facts = moment.model
    if facts is None:
        return "No model is known yet: the API serves none, or does not answer."
    drift = "not measured yet"
    if moment.drift is not None:
        drift = f"{moment.drift.drift.state.value}, {moment.drift.drift.reason}"
    until = datetime.fromtimestamp(facts.data_end / 1000, UTC)
    lines = [
        f"{facts.version} for {facts.symbol} {facts.timeframe}",
        f"Verdict {facts.verdict.value}: {facts.verdict_reason}",
        f"Trained {facts.trained_at[:16].replace('T', ' ')} on bars until {until:%Y-%m-%d}",
        f"Looks {facts.decision.horizon_bars} bars ahead, at {facts.window_bars} bars back",
        f"Drift: {drift}",
        facts.digest[:19] + "…",
    ]
    if moment.training_wanted:
        lines.append("A training is wanted; the operator was not reached yet.")
    return "\n".join(lines)


def forecast(moment: Moment, _: str) -> str:
    for number, decision in enumerate(past_decisions(moment.ledger, 50)):
        if decision.forecast is not None:
            old = f"{number} bars without one since.\n" if number else ""
            return old + _forecast_text(moment, decision, decision.forecast)
    return "No forecast in the last 50 bars. /health says what is missing."


def _forecast_text(moment: Moment, decision: PastDecision, made: Forecast) -> str:
    shares = [
        f"{share:.0%} {name}" for name, share in zip(CLASSES, made.probabilities, strict=True)
    ]
    ahead = "" if moment.model is None else f" over {moment.model.decision.horizon_bars} bars"
    return "\n".join(
        [
            (
                f"Made at the close of the bar of {story.instant(decision.bar_open_time)} UTC, "
                f"price {story.price(decision.close)}{ahead}:"
            ),
            ", ".join(shares),
            (
                f"Momentum {made.momentum:+.2f} standard deviations, volatility "
                f"{made.volatility_per_bar:.2%} a bar"
            ),
            f"Expires {story.instant(made.expires_at)} UTC",
        ]
    )


def explain(moment: Moment, argument: str) -> str:
    """`/explain`: the last bar; `/explain 3`: the one two before it."""
    wanted = number_in(argument, 1, 1000)
    found = past_decisions(moment.ledger, wanted)
    if not found:
        return NO_BAR
    if len(found) < wanted:
        return f"Only {len(found)} bars were decided so far, expected 1 to {len(found)}."
    decision = found[-1]
    lines = [
        (
            f"Bar of {story.instant(decision.bar_open_time)} UTC, close "
            f"{story.price(decision.close)}: {decision.reason.words}"
        ),
        decision.explanation,
    ]
    if decision.forecast is not None:
        lines.append(
            "Forecast "
            + ", ".join(
                f"{share:.0%} {name}"
                for name, share in zip(CLASSES, decision.forecast.probabilities, strict=True)
            )
        )
    lines += [
        f"{name.replace('_', ' ')}: {_shown(name, value)}" for name, value in _numbers(decision)
    ]
    lines.append(f"Model {decision.digest[:19]}…")
    return "\n".join(lines)


def _numbers(decision: PastDecision) -> list[tuple[str, float]]:
    return sorted(decision.numbers.items())


def _shown(name: str, value: float) -> str:
    return f"{value:+.3%}" if name.endswith(PERCENT_ENDINGS) else f"{value:.4g}"


def promote(moment: Moment, argument: str) -> str:
    word = argument.split()[0] if argument.split() else ""
    shown = word if DIGEST.match(word) else "sha256:…"
    return (
        "The bot may not choose the model that is served; a person with kubectl may:\n"
        f"kubectl {_resource(moment)} --type merge -p "
        f'\'{{"spec":{{"serving":{{"pinnedDigest":"{shown}"}}}}}}\'\n'
        "An empty pinnedDigest ends it. Nothing was changed."
    )


def rollback(moment: Moment, _: str) -> str:
    namespace = (moment.resource or "NAMESPACE/NAME").partition("/")[0]
    return (
        "The bot may not choose the model that is served; a person with kubectl may:\n"
        f"kubectl -n {namespace} rollout undo deployment/tradinglab-api\n"
        "(the API's deployment, under the name the release gave it). Nothing was changed."
    )


def _resource(moment: Moment) -> str:
    namespace, _, name = (moment.resource or "NAMESPACE/NAME").partition("/")
    return f"-n {namespace} patch tradingmodel {name}"
