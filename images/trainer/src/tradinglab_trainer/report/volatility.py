"""Volatility as forecast, as it came, and as log-HAR had it.

Called by the page. Volatilities are drawn in percent per bar.
"""

import numpy as np

from tradinglab.features.columns import FloatArray
from tradinglab_trainer.dataset import IntArray
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    BLUE,
    MUTED,
    PURPLE,
    Plot,
    bucket_means,
    buckets,
    canvas,
    date_axis,
    heat,
    instants,
    legend_above,
)
from tradinglab_trainer.report.wording import loss, percent

POINTS = 260
GRID = 70
TENTHS = 10


def _root_mean(log_volatility: FloatArray, starts: IntArray) -> FloatArray:
    """Percent: the root of each run's mean variance, which is what is forecast."""
    return 100 * np.sqrt(bucket_means(np.exp(2 * log_volatility), starts))


def over_time(evidence: Evidence) -> Plot:
    forecasts, m = evidence.forecasts, evidence.metrics
    starts = buckets(len(forecasts.times), POINTS)
    times = instants(forecasts.times[starts])
    with canvas("volatility", 300) as drawn:
        axes = drawn.figure.subplots()
        for values, colour, width, style, label in (
            (forecasts.realised, MUTED, 1.2, "-", "realised"),
            (forecasts.volatility, BLUE, 1.8, "-", "forecast"),
            (forecasts.har, PURPLE, 1.2, (0, (3, 2)), "log-HAR"),
        ):
            axes.plot(
                times, _root_mean(values, starts), color=colour, linewidth=width, linestyle=style,
                label=label,
            )  # fmt: skip
        axes.set(ylabel="% per bar", yscale="log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if _leads(value) else "")
        axes.tick_params(axis="y", which="minor", labelsize=12, length=2)
        date_axis(axes)
        legend_above(axes, 3)
        drawn.finding = (
            f"QLIKE {loss(m['qlike'])} against {loss(m['qlike_har'])} of log-HAR and "
            f"{loss(m['qlike_ewma'])} of EWMA (lower is better)."
        )
    return Plot(
        "volatility", "Volatility over time", drawn.finding, drawn.svg,
        f"Root of the mean variance of runs of about {len(forecasts.times) // len(starts)} "
        "forecasts, log scale.",
    )  # fmt: skip


def _leads(value: float) -> bool:
    """Two labels of a decade are enough: 2 and 5."""
    return round(value / 10 ** np.floor(np.log10(value))) in (2, 5)


def binned(evidence: Evidence) -> Plot:
    forecasts = evidence.forecasts
    with canvas("volatility-scatter", 340) as drawn:
        axes = drawn.figure.subplots()
        everything = np.concatenate((forecasts.volatility, forecasts.realised))
        low, high = np.percentile(everything, (0.5, 99.5))
        low, high = low - 0.1, max(high, low + 0.2) + 0.1
        cells, *_ = np.histogram2d(
            forecasts.realised, forecasts.volatility, GRID, ((low, high), (low, high))
        )
        axes.imshow(
            heat(cells / max(cells.max(), 1.0) * 0.7), origin="lower",
            extent=(low, high, low, high), interpolation="none", aspect="auto",
        )  # fmt: skip
        axes.plot((low, high), (low, high), color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        worst = 0.0
        for name, colour, marker, label in (
            ("har", PURPLE, "s", "log-HAR"), ("volatility", BLUE, "o", "forecast"),
        ):  # fmt: skip
            order = np.argsort(getattr(forecasts, name), kind="stable")
            starts = buckets(len(order), TENTHS)
            stated, came = (
                np.log(_root_mean(values[order], starts) / 100)
                for values in (getattr(forecasts, name), forecasts.realised)
            )
            axes.plot(
                stated, came, marker, color=colour, markersize=6, label=f"tenths of {label}",
                markerfacecolor="none" if name == "har" else colour, markeredgewidth=1.6,
            )  # fmt: skip
            worst = float(np.abs(np.expm1(came - stated)).max())
        ticks = [value for value in _ticks() if low <= np.log(value / 100) <= high]
        places = [float(np.log(value / 100)) for value in ticks]
        axes.set_xticks(places, [f"{value:g}" for value in ticks])
        axes.set_yticks(places, [f"{value:g}" for value in ticks])
        axes.set(xlim=(low, high), ylim=(low, high))
        axes.set(xlabel="forecast, % per bar", ylabel="realised, % per bar")
        legend_above(axes, 2)
        drawn.finding = (
            f"In tenths from calmest to wildest, the forecasts miss what came by at most "
            f"{percent(worst, 0)}."
        )
    return Plot(
        "volatility-scatter", "Volatility: forecast and come", drawn.finding, drawn.svg,
        "Each forecast in the cloud; the marks are tenths of equal count. On the dashed line, as "
        "much came as was forecast.",
    )  # fmt: skip


def _ticks() -> list[float]:
    return [lead * 10.0**power for power in range(-4, 3) for lead in (1, 2, 5)]
