"""The rough strategy's equity against buying and holding, and both drawdowns.

Called by the page. Not the engine's backtest: no sizes, stops, limits or fills.
"""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from tradinglab.features.columns import FloatArray
from tradinglab_trainer.dataset import IntArray
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    AMBER,
    BLUE,
    INK,
    MUTED,
    TURQUOISE,
    Plot,
    buckets,
    canvas,
    date_axis,
    instants,
    legend_above,
)
from tradinglab_trainer.report.wording import MINUS, percent, plural, signed_percent
from tradinglab_trainer.scored import ScoredForecasts
from tradinglab_trainer.scores import ROUND_TRIP_COST, net_trades

POINTS = 400
SMALLEST = 1e-6
BARS_A_SIDE = 12
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50, 100)


def _drawdown(equity: FloatArray) -> FloatArray:
    return np.asarray(equity / np.maximum.accumulate(equity) - 1, np.float64)


@dataclass(frozen=True)
class Curves:
    """By forecast, both starting at 1; `shown`: the rows that are drawn."""

    strategy: FloatArray
    market: FloatArray
    shown: IntArray


def _curves(forecasts: ScoredForecasts, horizon_bars: int) -> Curves:
    """The strategy's equity changes at the close at which a trade ends."""
    trades = net_trades(forecasts, horizon_bars)
    growth = np.ones(len(forecasts.times))
    exits = forecasts.rows[trades.positions] + horizon_bars
    places = np.minimum(np.searchsorted(forecasts.rows, exits), len(growth) - 1)
    np.multiply.at(growth, places, 1 + trades.returns)
    shown = np.append(buckets(len(growth), POINTS), len(growth) - 1)
    return Curves(
        np.maximum(np.cumprod(growth), SMALLEST), forecasts.close / forecasts.close[0], shown
    )


def equity(evidence: Evidence) -> Plot:
    forecasts, horizon = evidence.forecasts, evidence.spec.training.horizon_bars
    curves = _curves(forecasts, horizon)
    times = instants(forecasts.times[curves.shown])
    with canvas("equity", 400) as drawn:
        axes, below = drawn.figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        for values, colour, style, label in (
            (curves.market, MUTED, (0, (3, 2)), "buy and hold"),
            (curves.strategy, BLUE, "-", "rough strategy"),
        ):
            axes.plot(times, values[curves.shown], color=colour, linestyle=style, label=label)
            fall = 100 * _drawdown(values)[curves.shown]
            below.plot(times, fall, color=colour, linestyle=style, linewidth=1.3)
        axes.set(ylabel="start = 1", yscale="log")
        low, high = axes.get_ylim()
        ticks = [value for value in TICKS if low <= value <= high]
        if len(ticks) > 2:
            axes.set_yticks(ticks)
        else:
            axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
        axes.grid(visible=False, axis="x")
        below.set(ylabel="drawdown, %")
        below.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}".replace("-", MINUS))
        date_axis(below)
        legend_above(axes, 2)
        drawn.finding = _found(evidence, curves)
    return Plot(
        "equity", "Rough strategy against buy and hold", drawn.finding, drawn.svg,
        f"Not the trading engine’s backtest: long with everything whenever the expected return "
        f"exceeds the {percent(ROUND_TRIP_COST, 2)} of a round trip (fees, spread, slippage), held "
        f"for {plural(horizon, 'bar')}, one trade at a time, without sizes, stops or limits. Log "
        f"scale; equity changes when a trade ends.",
    )  # fmt: skip


def _found(evidence: Evidence, curves: Curves) -> str:
    strategy, market = curves.strategy, curves.market
    held = (
        f"buy and hold made {signed_percent(float(market[-1]) - 1)} with a drawdown of "
        f"{percent(float(-_drawdown(market).min()), 0)}"
    )
    trades = round(evidence.metrics["trades"])
    if not trades:
        return f"No forecast exceeded the costs, so there was no trade; {held}."
    return (
        f"{plural(trades, 'trade')} after costs made {signed_percent(float(strategy[-1]) - 1)} "
        f"compounded, with a drawdown of {percent(float(-_drawdown(strategy).min()), 0)}; {held}."
    )


def outcomes(evidence: Evidence) -> Plot:
    """The single trades: how much each made, after costs."""
    trades = net_trades(evidence.forecasts, evidence.spec.training.horizon_bars)
    title = "What single trades made"
    if not len(trades.returns):
        return Plot(
            "outcomes", title, "There is nothing to show: no forecast exceeded the costs.",
            Markup(), "Staying out is an ordinary outcome of forecasts without enough edge.",
        )  # fmt: skip
    returns = 100 * trades.returns
    reach = max(float(np.abs(returns).max()), 0.1) * 1.02
    edges = np.linspace(-reach, reach, 2 * BARS_A_SIDE + 1)
    with canvas("outcomes", 300) as drawn:
        axes = drawn.figure.subplots()
        counts, _ = np.histogram(returns, edges)
        colours = [AMBER] * BARS_A_SIDE + [TURQUOISE] * BARS_A_SIDE
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, align="edge", color=colours)
        axes.axvline(float(returns.mean()), color=INK, linewidth=1.4, linestyle=(0, (4, 3)))
        axes.set(xlabel="net return of a trade, %", ylabel="trades")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", MINUS))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(visible=False, axis="x")
        drawn.finding = (
            f"{percent(float((returns > 0).mean()), 0)} of {plural(len(returns), 'trade')} gained; "
            f"the mean is {percent(float(returns.mean()) / 100, 2, signed=True)}, the worst "
            f"{percent(float(returns.min()) / 100, 1, signed=True)}."
        )
    return Plot(
        "outcomes", title, drawn.finding, drawn.svg,
        "After costs. Turquoise gained, amber lost; the dashed line is the mean.",
    )  # fmt: skip
