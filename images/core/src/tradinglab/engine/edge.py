"""The edge: what a forecast promises after costs, and how sure that is. Called by `step`."""

import math
from dataclasses import dataclass

from tradinglab.domain.forecast import DecisionFacts, Forecast


@dataclass(frozen=True, slots=True)
class Edge:
    """Returns over the horizon, as fractions of price.

    `standard_error` is the edge's own; `confidence` is clip(net/standard error, 0, 1), so size
    reaches 0 continuously as the edge does.
    """

    gross_return: float
    cost: float
    net_return: float
    standard_error: float
    horizon_volatility: float

    @property
    def confidence(self) -> float:
        return min(max(self.net_return / self.standard_error, 0.0), 1.0)


def round_trip_cost(
    entry_fee: float, exit_fee: float, spread_fraction: float, slippage_fraction: float
) -> float:
    """Both fees, one full spread (half a side) and slippage on both sides."""
    return entry_fee + exit_fee + spread_fraction + 2 * slippage_fraction


def edge_of(forecast: Forecast, facts: DecisionFacts, cost: float) -> Edge:
    """Σₖ pₖ·μₖ·σ̂√H − cost, μₖ the training data's mean standardised return of class k.

    The expectation of a mixture over the four classes; σ̂√H scales one bar's volatility to H
    bars (independent increments).
    """
    horizon_volatility = forecast.volatility_per_bar * math.sqrt(facts.horizon_bars)
    standardised = sum(
        probability * mean
        for probability, mean in zip(forecast.probabilities, facts.class_mean_returns, strict=True)
    )
    gross = standardised * horizon_volatility
    return Edge(
        gross_return=gross,
        cost=cost,
        net_return=gross - cost,
        standard_error=facts.edge_standard_error * horizon_volatility,
        horizon_volatility=horizon_volatility,
    )
