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
    diverging,
    instants,
    legend_above,
)
from tradinglab_trainer.report.wording import decimal, percent, plural

COLUMNS = 200
SLIGHT = 0.05
STANDS_OUT = 1.15  # even weights
FAINTEST_FULL = 0.5  # of an even weight: less must not look like much
BRIGHTEST = 99.5  # percentile: one peak must not darken the rest


def over_time(evidence: Evidence) -> Plot:
    forecasts = evidence.forecasts
    starts = buckets(len(forecasts.times), COLUMNS)
    attention = forecasts.attention[:, ::-1]  # the latest bar first
    by_lag = bucket_means(attention, starts).T * attention.shape[1]  # 1: an even weight
    full = max(float(np.percentile(np.abs(by_lag - 1), BRIGHTEST)), FAINTEST_FULL)
    edges = instants(forecasts.times[[0, -1]])
    window = len(by_lag)
    with canvas("attention", 330) as drawn:
        axes = drawn.figure.subplots()
        axes.imshow(
            diverging((by_lag - 1) / full), origin="lower", aspect="auto", interpolation="none",
            extent=(edges[0], max(edges[1], edges[0] + 1e-3), -0.5, window - 0.5),
        )  # fmt: skip
        axes.xaxis_date()
        date_axis(axes)
        axes.grid(visible=False)
        axes.set(ylabel="bars back", ylim=(-0.5, window - 0.5))
        drift = float(np.abs(by_lag - by_lag.mean(axis=1, keepdims=True)).mean() / 2)
        changed = "hardly changed" if drift < SLIGHT else "changed"
        drawn.finding = (
            f"Where the model looks {changed} over the test time: in a usual stretch "
            f"{percent(drift)} of the weight lay elsewhere than on average."
        )
    return Plot(
        "attention", "Attention over time", drawn.finding, drawn.svg,
        f"Turquoise: more than an even weight, amber: less; full colour where it differs by "
        f"{decimal(full, 2)} of one, root scale. Row 0 is the bar just closed; each column is the "
        f"mean of about {len(forecasts.times) // len(starts)} forecasts.",
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
        place = f"the bar {most} back" if most else "the bar just closed"
        stands = mean[most] * window > STANDS_OUT
        peak = f"Most lies on {place}" if stands else "No bar stands out"
        drawn.finding = (
            f"The latest {plural(recent, 'bar')} of {window} hold "
            f"{percent(float(mean[:recent].sum()), 0)} of the attention; even weights would give "
            f"them {percent(recent / window, 0)}. {peak}."
        )
    return Plot(
        "attention-profile", "Attention by distance", drawn.finding, drawn.svg,
        "How far back the model looks; flat at even weights, it does not prefer any bar.",
    )  # fmt: skip
