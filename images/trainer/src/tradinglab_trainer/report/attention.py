"""Which bars of its window the model looked at, and whether that changed over time.

Called by the page.
"""

import numpy as np

from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    BLUE,
    MUTED,
    TURQUOISE,
    Plot,
    bucket_means,
    buckets,
    canvas,
    date_axis,
    heat,
    instants,
    legend_above,
)
from tradinglab_trainer.report.wording import percent, plural

COLUMNS = 200
SLIGHT = 0.05
BRIGHTEST = 99.5  # percentile: one peak must not darken the rest


def over_time(evidence: Evidence) -> Plot:
    forecasts = evidence.forecasts
    starts = buckets(len(forecasts.times), COLUMNS)
    by_lag = bucket_means(forecasts.attention, starts)[:, ::-1].T  # (window, columns), latest first
    ceiling = max(float(np.percentile(by_lag, BRIGHTEST)), 1e-12)
    edges = instants(forecasts.times[[0, -1]])
    window = len(by_lag)
    with canvas("attention", 330) as drawn:
        axes = drawn.figure.subplots()
        axes.imshow(
            heat(by_lag / ceiling), origin="lower", aspect="auto", interpolation="none",
            extent=(edges[0], max(edges[1], edges[0] + 1e-3), -0.5, window - 0.5),
        )  # fmt: skip
        axes.xaxis_date()
        date_axis(axes)
        axes.grid(visible=False)
        axes.set(ylabel="bars back", ylim=(-0.5, window - 0.5))
        drift = float(np.abs(by_lag - by_lag.mean(axis=1, keepdims=True)).sum(axis=0).mean() / 2)
        changed = "hardly changed" if drift < SLIGHT else "changed"
        drawn.finding = (
            f"Where the model looks {changed} over the test time: in a usual stretch "
            f"{percent(drift)} of the weight lay elsewhere than on average."
        )
    return Plot(
        "attention", "Attention over time", drawn.finding, drawn.svg,
        f"Stronger colour: more weight (full at {percent(ceiling)}, root scale). Row 0 is the bar "
        f"just closed; each column is the mean of about {len(forecasts.times) // len(starts)} "
        "forecasts.",
    )  # fmt: skip


def profile(evidence: Evidence) -> Plot:
    attention = evidence.forecasts.attention.astype(np.float64)[:, ::-1]
    window = attention.shape[1]
    lags = np.arange(window)
    mean = attention.mean(axis=0)
    low, high = np.percentile(attention, (10, 90), axis=0)
    with canvas("attention-profile", 330) as drawn:
        axes = drawn.figure.subplots()
        axes.fill_between(
            lags, 100 * low, 100 * high, color=TURQUOISE, alpha=0.25, linewidth=0,
            label="80 % of forecasts",
        )  # fmt: skip
        axes.plot(lags, 100 * mean, color=BLUE, label="mean")
        axes.axhline(
            100 / window, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="even weights"
        )
        axes.set(xlabel="bars back", ylabel="weight, %", xlim=(0, window - 1), ylim=(0, None))
        legend_above(axes, 3)
        recent, most = max(1, window // 4), int(mean.argmax())
        place = f"the one {plural(most, 'bar')} back" if most else "the one just closed"
        drawn.finding = (
            f"The latest {plural(recent, 'bar')} of {window} hold "
            f"{percent(float(mean[:recent].sum()), 0)} of the attention; even weights would give "
            f"them {percent(recent / window, 0)}. The bar with most weight is {place}."
        )
    return Plot(
        "attention-profile", "Attention by distance", drawn.finding, drawn.svg,
        "How far back the model looks; flat at even weights, it does not prefer any bar.",
    )  # fmt: skip
