"""Are stated probabilities kept? Reliability before and after temperature, beside chance.

Called by the page.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator

from tradinglab.evaluation.metrics import CALIBRATION_BINS, collapsed
from tradinglab.features.columns import FloatArray
from tradinglab_trainer.dataset import IntArray
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    AMBER,
    BLUE,
    MUTED,
    TURQUOISE,
    Plot,
    canvas,
    legend_above,
)
from tradinglab_trainer.report.wording import FIXED_SPACE, count, fine_percent, percent

TENTHS = 10


@dataclass(frozen=True)
class Bins:
    """Of near confidence: mean `stated`, `observed` frequency, `counts` ≥ `least`."""

    stated: FloatArray
    observed: FloatArray
    counts: FloatArray

    def half_width(self, horizon_bars: int) -> FloatArray:
        """Of 95 of 100 samples of a calibrated model, with count / H independent outcomes."""
        independent = np.maximum(self.counts / horizon_bars, 1.0)
        return np.asarray(1.96 * np.sqrt(self.stated * (1 - self.stated) / independent), np.float64)


def _binned(confidence: FloatArray, correct: FloatArray, edges: FloatArray, least: int) -> Bins:
    index = np.clip(np.searchsorted(edges, confidence, "right") - 1, 0, len(edges) - 2)
    counts = np.bincount(index, minlength=len(edges) - 1).astype(np.float64)
    filled = counts >= min(least, counts.max())
    sums = [
        np.bincount(index, values, len(edges) - 1)[filled] / counts[filled]
        for values in (confidence, correct)
    ]
    return Bins(sums[0], sums[1], counts[filled])


def _top_class(probabilities: FloatArray, classes: IntArray, least: int) -> Bins:
    correct = (probabilities.argmax(axis=1) == classes).astype(np.float64)
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    return _binned(probabilities.max(axis=1), correct, edges, least)


def _diagonal(axes: Axes, after: Bins, horizon_bars: int) -> None:
    width = after.half_width(horizon_bars)
    ends = np.minimum(after.stated, width), np.minimum(1 - after.stated, width)
    axes.errorbar(
        after.stated, after.stated, yerr=ends, fmt="none", ecolor=MUTED, elinewidth=9, alpha=0.35,
        label="95 % of a perfect model",
    )  # fmt: skip
    low, high = axes.get_xlim()
    axes.plot((low, high), (low, high), color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlim(low, high)


def reliability(evidence: Evidence) -> Plot:
    forecasts, horizon = evidence.forecasts, evidence.spec.training.horizon_bars
    after = _top_class(forecasts.probabilities, forecasts.classes, horizon)
    before = _top_class(forecasts.uncalibrated, forecasts.classes, horizon)
    with canvas("reliability", 400) as drawn:
        axes, below = drawn.figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        low = min(before.stated.min(), after.stated.min()) - 0.03
        high = max(before.stated.max(), after.stated.max()) + 0.03
        axes.set_xlim(max(0.0, low), min(1.0, high))
        _diagonal(axes, after, horizon)
        axes.plot(
            before.stated, before.observed, "s--", color=AMBER, markersize=5, linewidth=1.3,
            label="before temperature",
        )  # fmt: skip
        axes.plot(after.stated, after.observed, "o-", color=BLUE, markersize=6, label="after")
        axes.set(ylabel="top class was right")
        legend_above(axes, 2)
        bar = 0.05 * (axes.get_xlim()[1] - axes.get_xlim()[0])
        below.bar(before.stated, before.counts, bar, color=AMBER, alpha=0.6)
        below.bar(after.stated, after.counts, bar * 0.6, color=BLUE)
        below.set(xlabel="stated probability of the top class", ylabel="forecasts")
        below.set_yscale("log")
        below.yaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=5))
        below.yaxis.set_major_formatter(lambda value, _: count(value))
        below.minorticks_off()
        below.grid(visible=False, axis="x")
        _percent_axes(axes, below)
        m = evidence.metrics
        within = "within" if m["ece"] <= m["ece_null"] else "beyond"
        drawn.finding = (
            f"Stated and observed frequencies of the top class differ by "
            f"{fine_percent(m['ece'])} on average ({fine_percent(m['ece_before'])} before "
            f"temperature): {within} the {fine_percent(m['ece_null'])} that a perfectly calibrated "
            f"model of this shape may show."
        )
    return Plot(
        "reliability", "Reliability of the top class", drawn.finding, drawn.svg,
        "On the dashed line, what was stated came as often as stated. Below: how many forecasts "
        "each point stands for (log scale). Bins with less than one "
        "independent observation are left out.",
    )  # fmt: skip


def bullish(evidence: Evidence) -> Plot:
    """The collapsed probability, on which decisions rest, in tenths of equal count."""
    forecasts, horizon = evidence.forecasts, evidence.spec.training.horizon_bars
    two, truth = collapsed(forecasts.probabilities, forecasts.classes)
    stated, came = two[:, 0], (truth == 0).astype(np.float64)
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, TENTHS + 1)))
    bins = _binned(stated, came, edges if len(edges) > 1 else np.array([0.0, 1.0]), 1)
    with canvas("bullish", 300) as drawn:
        axes = drawn.figure.subplots()
        reach = float(np.abs(bins.stated - bins.stated.mean()).max()) + 0.02
        axes.set_xlim(bins.stated.mean() - reach, bins.stated.mean() + reach)
        _diagonal(axes, bins, horizon)
        axes.plot(bins.stated, bins.observed, "o", color=TURQUOISE, markersize=7, label="observed")
        axes.set(xlabel="stated probability of bullish", ylabel="was bullish")
        legend_above(axes, 2)
        _percent_axes(axes)
        drawn.finding = (
            f"When the model was least bullish ({percent(bins.stated[0])}) the market rose "
            f"{percent(bins.observed[0])} of the time; when most bullish "
            f"({percent(bins.stated[-1])}), {percent(bins.observed[-1])}."
        )
    return Plot(
        "bullish", "Bullish: stated and come", drawn.finding, drawn.svg,
        "Each point is a tenth of all forecasts, from least to most bullish.",
    )  # fmt: skip


def _percent_axes(axes: Axes, below: Axes | None = None) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}{FIXED_SPACE}%")
    (below or axes).xaxis.set_major_locator(MaxNLocator(6))
    (below or axes).xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}{FIXED_SPACE}%")
