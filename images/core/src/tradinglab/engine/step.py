"""One step of the engine: state and a closed bar in, state and decision out.

Called by the bot, live and paper alike; pure, so the same inputs always give the same intents: what
the ledger recorded can be decided again.
"""

from dataclasses import replace

from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import Forecast, Verdict
from tradinglab.domain.number import decimal_of
from tradinglab.domain.order import CancelIntent, CancelTarget, EnterIntent
from tradinglab.engine.decision import Decision, Reason, StepFacts
from tradinglab.engine.entry import seek_entry
from tradinglab.engine.guards import settle_closed_trades, watch_drawdown
from tradinglab.engine.holding import hold_or_sell, sell_everything
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState, RestingEntry, TradingMode
from tradinglab.engine.trailing import raised_stop


def step(
    state: EngineState, bar: Bar, forecast: Forecast | None, facts: StepFacts, policy: Policy
) -> tuple[EngineState, Decision]:
    """Decides at the close of `bar`; fills until then must be in `state` already.

    `forecast` is None when none could be had. The returned state holds a RestingEntry when the
    decision enters; the caller removes it when that order ends.
    """
    state = _observe(state, bar, forecast, facts, policy)
    if not facts.reconciled:
        text = "orders and fills could not be fetched from the exchange"
        return state, _nothing(bar, Reason.UNRECONCILED, text)
    decision = _decide(state, bar, forecast, facts, policy)
    entry = state.entry
    if entry is not None:
        age_bars = (bar.open_time - entry.bar_open_time) // facts.bar_milliseconds
        waits = (
            decision.reason is Reason.ENTER or state.position is None
        ) and age_bars < policy.entry_patience_bars
        if waits and state.mode is TradingMode.NORMAL and not state.entries_paused:
            text = f"buy {entry.quantity} at {entry.limit_price}, {age_bars} bars old"
            return state, Decision(bar.open_time, Reason.ENTRY_RESTING, text, (), decision.numbers)
        text = f"{decision.explanation}; the entry at {entry.limit_price} is taken back"
        cancel = CancelIntent(CancelTarget.ENTRY)
        decision = replace(decision, explanation=text, intents=(cancel, *decision.intents))
    for intent in decision.intents:
        if isinstance(intent, EnterIntent):
            state = state.model_copy(update={"entry": _resting(intent, bar)})
    return state, decision


def _resting(intent: EnterIntent, bar: Bar) -> RestingEntry:
    return RestingEntry(
        bar_open_time=bar.open_time,
        quantity=intent.quantity,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
        take_profit_price=intent.take_profit_price,
    )


def _observe(
    state: EngineState, bar: Bar, forecast: Forecast | None, facts: StepFacts, policy: Policy
) -> EngineState:
    """Indicators, settled trades, best close and drawdown, before any decision."""
    volatility = forecast.volatility_per_bar if forecast else state.last_volatility
    indicators = state.indicators.observe(
        bar, facts.bar_milliseconds, policy.atr_bars, policy.trailing_bars
    )
    position = state.position
    if position is not None:
        if bar.close > position.best_close:
            position = position.model_copy(update={"best_close": bar.close})
        position = raised_stop(position, indicators, facts.rules, facts.bar_milliseconds, policy)
    state = state.model_copy(
        update={
            "indicators": indicators,
            "last_volatility": volatility,
            "position": position,
        }
    )
    median = facts.model.decision.volatility_p50
    state = settle_closed_trades(
        state, bar, volatility or median, facts.model.decision, policy, facts.bar_milliseconds
    )
    return watch_drawdown(state, float(state.equity(decimal_of(bar.close))), policy)


def _decide(
    state: EngineState, bar: Bar, forecast: Forecast | None, facts: StepFacts, policy: Policy
) -> Decision:
    if state.mode is TradingMode.HALTED:
        return _nothing(bar, Reason.HALTED, f"peak equity {state.peak_equity:.2f}")
    position = state.position
    if state.mode is TradingMode.REDUCING:
        limit = f"equity fell {policy.max_drawdown_fraction:.0%} below {state.peak_equity:.2f}"
        if position is None:
            return _nothing(bar, Reason.REDUCING, limit)
        return sell_everything(position, bar, facts, Reason.REDUCING, limit)
    doubt = _forecast_doubt(bar, forecast, facts)
    if doubt is not None or forecast is None:
        reason, text = doubt or (Reason.FORECAST_MISSING, "")
        held = f"; position stays, stop {position.stop_price}" if position else ""
        return _nothing(bar, reason, text + held)
    if position is not None:
        atr = state.indicators.average_true_range
        return hold_or_sell(position, bar, atr, forecast, facts, policy)
    obstacle = _entry_obstacle(state, bar, facts, policy)
    return obstacle or seek_entry(state, bar, forecast, facts, policy)


def _forecast_doubt(
    bar: Bar, forecast: Forecast | None, facts: StepFacts
) -> tuple[Reason, str] | None:
    if forecast is None:
        return Reason.FORECAST_MISSING, "the API gave no forecast for this bar"
    close_time = bar.open_time + facts.bar_milliseconds
    if forecast.expires_at <= close_time or forecast.bar_open_time > bar.open_time:
        age = (bar.open_time - forecast.bar_open_time) // facts.bar_milliseconds
        return Reason.FORECAST_STALE, f"the forecast is {age} bars old"
    return None


def _entry_obstacle(
    state: EngineState, bar: Bar, facts: StepFacts, policy: Policy
) -> Decision | None:
    """What forbids an entry at this bar before any edge is computed."""
    if policy.require_tradeable and facts.model.verdict is not Verdict.TRADEABLE:
        text = f"verdict {facts.model.verdict}: {facts.model.verdict_reason}"
        return _nothing(bar, Reason.NOT_TRADEABLE, text)
    if state.entries_paused:
        return _nothing(bar, Reason.PAUSED, "a person paused entries; a position is still managed")
    if facts.behind:
        return _nothing(bar, Reason.BEHIND, "a newer closed bar is known already")
    if facts.age_milliseconds > policy.entry_max_age_fraction * facts.bar_milliseconds:
        text = f"closed {facts.age_milliseconds / facts.bar_milliseconds:.0%} of a bar ago"
        return _nothing(bar, Reason.LATE, text)
    if state.indicators.bars_seen < policy.atr_bars:
        seen = state.indicators.bars_seen
        return _nothing(bar, Reason.WARMING_UP, f"{seen} of {policy.atr_bars} bars seen")
    if bar.open_time < state.cooldown_until:
        left = -(-(state.cooldown_until - bar.open_time) // facts.bar_milliseconds)
        text = f"{left} bars to go, {state.consecutive_losses} losses in a row"
        return _nothing(bar, Reason.COOLING_DOWN, text)
    return None


def _nothing(bar: Bar, reason: Reason, text: str) -> Decision:
    return Decision(bar.open_time, reason, text)
