"""The trailing stop: follows the highest high of the position, never falls. Called by `step`."""

from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.number import decimal_of
from tradinglab.engine.indicators import Indicators
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import Position


def trailing_level(
    indicators: Indicators, opened_bar: int, bar_milliseconds: int, policy: Policy
) -> float | None:
    """max(high of the last 22 closed bars since the entry) − 3·ATR; None before the first.

    Source: the chandelier exit (LeBeau & Lucas 1992), hung from the highest high since entry and
    here from no more than `trailing_bars` of them. Only closed bars count, so the level that holds
    during a bar knows nothing of that bar.
    """
    if indicators.last_open_time is None:
        return None
    since_entry = (indicators.last_open_time - opened_bar) // bar_milliseconds
    count = min(since_entry, policy.trailing_bars, len(indicators.highs))
    if count < 1:
        return None
    return max(indicators.highs[-count:]) - policy.trailing_atr * indicators.average_true_range


def raised_stop(
    position: Position,
    indicators: Indicators,
    rules: SymbolRules,
    bar_milliseconds: int,
    policy: Policy,
) -> Position:
    """The position with its stop at the trailing level, once that is a step above the stop.

    From then on the take-profit is given up: the trailing stop lets profits run.
    """
    if policy.trailing_atr <= 0:
        return position
    level = trailing_level(indicators, position.opened_bar, bar_milliseconds, policy)
    if level is None or level <= 0:
        return position
    stop = rules.floor_price(decimal_of(level))
    step = decimal_of(policy.trailing_step_atr * indicators.average_true_range)
    if stop <= position.stop_price or stop - position.stop_price < step:
        return position
    return position.model_copy(update={"stop_price": stop, "is_trailing": True})
