"""Answers about the bot itself: health, settings, log, version. Called by the listener."""

import platform
from importlib.metadata import PackageNotFoundError, version

from tradinglab.adapters.ledger import read_summary
from tradinglab.engine.policy import Policy
from tradinglab_bot.telegram_commands.moment import Moment, number_in

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def duration(seconds: float) -> str:
    """In the two largest units that it has."""
    whole = int(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def health(moment: Moment, _: str) -> str:
    lines = [f"Problem: {each}" for each in moment.problems] or ["No problem known."]
    if moment.feed_age_seconds is not None:
        lines.append(f"Last frame of the market: {duration(moment.feed_age_seconds)} ago")
    waiting = read_summary(moment.ledger).alerts_waiting
    lines.append(f"Alerts that wait to be sent: {waiting}")
    return "\n".join([*lines, f"Running for {duration(moment.uptime_seconds)}"])


def show_config(moment: Moment, _: str) -> str:
    """The policy alone: addresses and keys are nobody's business in a chat."""
    default = Policy()
    lines = []
    for name in Policy.model_fields:
        value = getattr(moment.policy, name)
        mark = "" if value == getattr(default, name) else " (changed)"
        lines.append(f"{name} = {value}{mark}")
    return "\n".join(lines)


def reload_config(_: Moment, __: str) -> str:
    return (
        "The settings are read when the bot starts, and only then, so that what runs is what was "
        "checked. Change bot.policy in the chart's values and upgrade: the bot is restarted with "
        "them, and its position keeps its stop meanwhile. /show_config shows what holds now."
    )


def logs(moment: Moment, argument: str) -> str:
    return "\n".join(moment.logs[-number_in(argument, 10, 40) :]) or "No line was logged yet."


def version_of_all(moment: Moment, _: str) -> str:
    try:
        ours = version("tradinglab-bot")
    except PackageNotFoundError:
        ours = "unknown"
    served = "none" if moment.model is None else moment.model.version
    return f"tradinglab-bot {ours}, Python {platform.python_version()}\nModel {served}"
