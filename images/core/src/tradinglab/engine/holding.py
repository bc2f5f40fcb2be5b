"""The way out of a position by judgement; stop and take-profit rest on the exchange meanwhile.

Called by `step` while a position is open.
"""

from tradinglab.domain.bar import Bar
from tradinglab.domain.filters import ZERO
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.number import decimal_of
from tradinglab.domain.order import ExitIntent
from tradinglab.engine.decision import Decision, Reason, StepFacts
from tradinglab.engine.policy import Policy
from tradinglab.engine.pricing import fraction_to_sell, sell_crossing, sell_urgency
from tradinglab.engine.state import Position


def sell_everything(
    position: Position, bar: Bar, facts: StepFacts, reason: Reason, text: str
) -> Decision:
    """At the market, whatever the forecast; as much as one order may sell, the rest next time."""
    quantity = facts.rules.floor_market_quantity(position.quantity)
    if not facts.rules.is_sellable(quantity, decimal_of(bar.close)):
        return Decision(bar.open_time, reason, f"{text}: {position.quantity} is too small to sell")
    words = f"{text}: sell {quantity} at the market"
    return Decision(bar.open_time, reason, words, (ExitIntent(quantity, None),))


def hold_or_sell(
    position: Position,
    bar: Bar,
    average_true_range: float,
    forecast: Forecast,
    facts: StepFacts,
    policy: Policy,
) -> Decision:
    """Urgency sets the part sold and how far its limit goes below the close."""
    horizon = facts.model.decision.horizon_bars
    held_bars = (bar.open_time - position.opened_bar) / facts.bar_milliseconds
    urgency = sell_urgency(
        forecast.bearish_probability,
        max(position.best_close - bar.close, 0.0) / max(average_true_range, 1e-12),
        forecast.momentum,
        max(held_bars / horizon - 1, 0.0),
        policy,
    )
    fraction = fraction_to_sell(urgency, policy)
    numbers = {"urgency": urgency, "fraction_to_sell": fraction, "held_bars": held_bars}
    gain = bar.close / float(position.entry_price) - 1
    summary = (
        f"{position.quantity} from {position.entry_price:.8g} ({gain:+.2%}), held "
        f"{held_bars:.0f} bars, P(bearish) {forecast.bearish_probability:.0%}, "
        f"urgency to sell {urgency:.2f}"
    )
    close = decimal_of(bar.close)
    quantity = facts.rules.floor_quantity(position.quantity * decimal_of(fraction))
    if not facts.rules.is_sellable(position.quantity - quantity, close):
        quantity = facts.rules.floor_quantity(position.quantity)
    if fraction < policy.smallest_exit_fraction or not facts.rules.is_sellable(quantity, close):
        text = f"{summary}, {position.levels}"
        return Decision(bar.open_time, Reason.HOLDING, text, (), numbers)
    limit = None
    if urgency >= policy.urgency_market:
        quantity = facts.rules.floor_market_quantity(quantity)
    else:
        crossing = decimal_of(sell_crossing(urgency, forecast.volatility_per_bar, policy))
        limit = max(facts.rules.floor_price(close * (1 - crossing)), ZERO)
    where = "the market" if limit is None else f"{limit} or better"
    text = f"{summary}: sell {quantity} at {where}"
    return Decision(bar.open_time, Reason.EXIT, text, (ExitIntent(quantity, limit),), numbers)
