"""Pauses and halts: the cooldown after trades, the stop guard, the drawdown halt.

Called by `step` at each bar, before it looks for an entry.
"""

import math

from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import DecisionFacts
from tradinglab.domain.order import Leg
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState, TradingMode


def cooldown_bars(
    consecutive_losses: int, volatility_per_bar: float, median_volatility: float, policy: Policy
) -> int:
    """⌈C₀·(1 + 0.5·consecutive losses)·clip(σ̂/σ_median, ½, 2)⌉ bars."""
    ratio = min(max(volatility_per_bar / median_volatility, 0.5), 2.0)
    return math.ceil(
        policy.cooldown_bars * (1 + policy.cooldown_per_loss * consecutive_losses) * ratio
    )


def settle_closed_trades(
    state: EngineState,
    bar: Bar,
    volatility_per_bar: float,
    facts: DecisionFacts,
    policy: Policy,
    bar_milliseconds: int,
) -> EngineState:
    """Turns trades closed since the last bar into loss counts, cooldown and stop guard."""
    if not state.unsettled:
        return state
    losses, stops, until = state.consecutive_losses, state.stop_times, state.cooldown_until
    for trade in state.unsettled:
        losses = losses + 1 if trade.profit < 0 else 0
        if trade.exit_leg is Leg.STOP:
            stops = (*stops, bar.open_time)
    pause = cooldown_bars(losses, volatility_per_bar, facts.volatility_p50, policy)
    window = bar.open_time - policy.stop_guard_window_bars * bar_milliseconds
    stops = tuple(time for time in stops if time > window)
    if len(stops) >= policy.stop_guard_count:
        pause = max(pause, policy.stop_guard_lock_bars)
    return state.model_copy(
        update={
            "unsettled": (),
            "closed_trades": state.closed_trades + len(state.unsettled),
            "consecutive_losses": losses,
            "stop_times": stops,
            "cooldown_until": max(until, bar.open_time + pause * bar_milliseconds),
        }
    )


def watch_drawdown(state: EngineState, equity: float, policy: Policy) -> EngineState:
    """Keeps the peak; a drawdown beyond the limit sells the position, then halts.

    Open losses count. Only a person ends the halt (`EngineState.resumed`).
    """
    peak = max(state.peak_equity, equity)
    mode = state.mode
    if mode is TradingMode.NORMAL and equity <= peak * (1 - policy.max_drawdown_fraction):
        mode = TradingMode.REDUCING
    if mode is TradingMode.REDUCING and state.position is None and state.entry is None:
        mode = TradingMode.HALTED
    return state.model_copy(update={"peak_equity": peak, "mode": mode})
