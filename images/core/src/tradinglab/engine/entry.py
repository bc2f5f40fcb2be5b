"""The way into a position: edge, size, prices, filters. Called by `step` when flat."""

from decimal import Decimal

from tradinglab.domain.bar import Bar
from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.market import MILLISECONDS
from tradinglab.domain.number import decimal_of
from tradinglab.domain.order import EnterIntent, Side
from tradinglab.engine.decision import Decision, Reason, StepFacts
from tradinglab.engine.edge import Edge, edge_of, round_trip_cost
from tradinglab.engine.policy import Policy
from tradinglab.engine.pricing import buy_discount
from tradinglab.engine.sizing import drawdown_throttle, exposure_fraction, volatility_factor
from tradinglab.engine.state import EngineState


def forecast_edge(forecast: Forecast, facts: StepFacts, policy: Policy) -> Edge:
    """Taker fees on both sides: a limit entry may take, and a stop always does."""
    cost = round_trip_cost(
        facts.taker_fee, facts.taker_fee, policy.spread_fraction, policy.slippage_fraction
    )
    return edge_of(forecast, facts.model.decision, cost)


def seek_entry(
    state: EngineState, bar: Bar, forecast: Forecast, facts: StepFacts, policy: Policy
) -> Decision:
    """An entry when the edge is positive and the order passes the filters, else why not."""
    edge = forecast_edge(forecast, facts, policy)
    atr = state.indicators.average_true_range
    numbers = {
        "gross_return": edge.gross_return,
        "cost": edge.cost,
        "net_return": edge.net_return,
        "confidence": edge.confidence,
        "average_true_range": atr,
    }
    summary = (
        f"expected {edge.gross_return:+.3%} over {facts.model.decision.horizon_bars} bars, "
        f"cost {edge.cost:.3%}, net {edge.net_return:+.3%}"
    )
    if edge.net_return <= 0:
        return Decision(bar.open_time, Reason.NO_EDGE, summary, (), numbers)
    discount = buy_discount(forecast.volatility_per_bar, edge.confidence, forecast.momentum, policy)
    close = decimal_of(bar.close)
    limit = facts.rules.floor_price(close * (1 - decimal_of(discount)))
    fraction = _fraction(state, bar, forecast, facts, policy, edge, float(limit))
    quantity = _quantity(state, fraction, limit, close, facts, policy)
    numbers |= {"discount": discount, "exposure_fraction": fraction}
    summary += f", confidence {edge.confidence:.2f}, size {fraction:.2%} of equity"
    protected = facts.rules.floor_market_quantity(quantity * (1 - decimal_of(facts.taker_fee)))
    distance = decimal_of(policy.stop_atr * atr)
    stop = facts.rules.floor_price(limit - distance)
    take_profit = facts.rules.floor_price(limit + decimal_of(policy.reward_ratio) * distance)
    if not stop < limit < take_profit:
        return Decision(
            bar.open_time, Reason.FILTERED, f"{summary}; stop distance below a tick", (), numbers
        )
    problem = _problem(facts.rules, quantity, protected, limit, stop, take_profit, close)
    if problem is not None:
        small = problem.startswith(("NOTIONAL", "LOT_SIZE"))
        reason = Reason.TOO_SMALL if small else Reason.FILTERED
        return Decision(bar.open_time, reason, f"{summary}; {problem}", (), numbers)
    intent = EnterIntent(quantity, limit, protected, stop, take_profit)
    text = f"{summary}: buy {quantity} at {limit}, stop {stop}, take-profit {take_profit}"
    return Decision(bar.open_time, Reason.ENTER, text, (intent,), numbers)


def _fraction(
    state: EngineState,
    bar: Bar,
    forecast: Forecast,
    facts: StepFacts,
    policy: Policy,
    edge: Edge,
    price: float,
) -> float:
    equity = float(state.equity(decimal_of(bar.close)))
    age_days = (bar.open_time - facts.model.data_end) / MILLISECONDS["d"]
    return exposure_fraction(
        edge=edge,
        factor=volatility_factor(
            forecast.volatility_per_bar, facts.model.decision, policy, facts.bar_milliseconds
        ),
        throttle=drawdown_throttle(equity, state.peak_equity, policy.drawdown_floor_fraction),
        stop_distance_fraction=policy.stop_atr * state.indicators.average_true_range / price,
        closed_trades=state.closed_trades,
        calibration_is_fresh=age_days <= policy.calibration_max_age_days,
        policy=policy,
    )


def _quantity(
    state: EngineState,
    fraction: float,
    limit: Decimal,
    close: Decimal,
    facts: StepFacts,
    policy: Policy,
) -> Decimal:
    """Floored to what its stop can sell, within the money at hand after fees and the policy's
    cap."""
    capital = state.equity(close)
    if policy.capital_quote > 0:
        capital = min(capital, decimal_of(policy.capital_quote))
    budget = capital * decimal_of(fraction)
    if policy.max_position_quote > 0:
        budget = min(budget, decimal_of(policy.max_position_quote))
    budget = min(budget, state.quote / (1 + decimal_of(facts.taker_fee)))
    return facts.rules.floor_market_quantity(max(budget, Decimal(0)) / limit)


def _problem(
    rules: SymbolRules,
    quantity: Decimal,
    protected: Decimal,
    limit: Decimal,
    stop: Decimal,
    take_profit: Decimal,
    close: Decimal,
) -> str | None:
    """What is bought must pass the filters, and be sellable after fees at every exit price."""
    checks = (
        (Side.BUY, quantity, limit),
        (Side.SELL, protected, stop),
        (Side.SELL, protected, take_profit),
    )
    for side, amount, price in checks:
        problem = rules.violation(side, amount, price, close)
        if problem is not None:
            return problem
    return None
