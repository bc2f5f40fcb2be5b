"""When the gain was made: summed over the test time.

Called by the page.
"""

import numpy as np

from tradinglab.domain.forecast import CLASS_COUNT
from tradinglab.evaluation.metrics import log_losses
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    BLUE,
    MUTED,
    PURPLE,
    TURQUOISE,
    Plot,
    buckets,
    canvas,
    date_axis,
    instants,
    legend_above,
)
from tradinglab_trainer.report.wording import MINUS
from tradinglab_trainer.scores import direction_gains, gain_over_nothing

POINTS = 400
PERIODS = 10


def over_time(evidence: Evidence) -> Plot:
    forecasts, horizon = evidence.forecasts, evidence.spec.training.horizon_bars
    classes = forecasts.classes
    prior = log_losses(forecasts.prior, classes)
    four = gain_over_nothing(log_losses(forecasts.probabilities, classes), prior, CLASS_COUNT)
    logit = gain_over_nothing(log_losses(forecasts.logit, classes), prior, CLASS_COUNT)
    two = np.zeros(len(classes))
    two[forecasts.moved] = direction_gains(forecasts.at(forecasts.moved))
    shown = np.append(buckets(len(classes), POINTS), len(classes) - 1)
    times = instants(forecasts.times[shown])
    with canvas("gain-over-time", 300) as drawn:
        axes = drawn.figure.subplots()
        axes.axhline(0, color=MUTED, linewidth=1.2)
        for values, colour, style, label in (
            (four, BLUE, "-", "four classes"),
            (two, TURQUOISE, (0, (6, 1.5)), "direction"),
            (logit, PURPLE, (0, (2, 1.5)), "logit"),
        ):
            axes.plot(
                times, np.cumsum(values)[shown] / horizon, color=colour, linestyle=style,
                label=label,
            )  # fmt: skip
        axes.set(ylabel="nats gained, summed / horizon")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", MINUS))
        date_axis(axes)
        legend_above(axes, 3)
        parts = [float(part.mean()) for part in np.array_split(two, PERIODS) if len(part)]
        better = sum(part > 0 for part in parts)
        drawn.finding = (
            f"On direction the forecasts beat knowing nothing in {better} of {len(parts)} equal "
            f"stretches of the test time."
        )
    return Plot(
        "gain-over-time", "The gain, summed over time", drawn.finding, drawn.svg,
        "Over the better of prior and even odds. Rising: better in that stretch. Skill climbs "
        "steadily; luck jumps once.",
    )  # fmt: skip
