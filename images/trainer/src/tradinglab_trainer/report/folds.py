"""When each fold was trained, stopped, calibrated and tested.

Called by the page.
"""

import numpy as np
from matplotlib.patches import Patch

from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    AMBER,
    BLUE,
    INK,
    PURPLE,
    TURQUOISE,
    Plot,
    canvas,
    date_axis,
    instants,
)
from tradinglab_trainer.report.losses import by_name
from tradinglab_trainer.report.wording import day, plural

SLICES = (
    ("train", BLUE, 0.55), ("stop", PURPLE, 1.0), ("calibration", TURQUOISE, 1.0),
    ("test", AMBER, 1.0),
)  # fmt: skip


def time_line(evidence: Evidence) -> Plot:
    fits = [group[0] for group in by_name(evidence.fits).values()]
    horizon = evidence.spec.training.horizon_bars
    with canvas("folds", 110 + 30 * len(fits)) as drawn:
        axes = drawn.figure.subplots()
        for row, fit in enumerate(fits):
            for name, colour, alpha in SLICES:
                if (ends := getattr(fit, name)) is not None:
                    left, right = instants(np.array(ends))
                    axes.barh(row, right - left, 0.62, left, color=colour, alpha=alpha, linewidth=0)
        axes.set_yticks(range(len(fits)), [fit.name for fit in fits])
        axes.set_ylim(len(fits) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        axes.xaxis_date()
        date_axis(axes)
        axes.grid(visible=True, axis="x")
        handles = [Patch(color=colour, alpha=alpha, linewidth=0, label=name)
                   for name, colour, alpha in SLICES]  # fmt: skip
        drawn.figure.legend(handles=handles, loc="outside upper left", ncols=4)
        tests = [fit.test for fit in fits if fit.test is not None]
        drawn.finding = (
            f"{plural(len(tests), 'fold')} tested from {day(tests[0][0])} to {day(tests[-1][1])}, "
            f"each on bars later than all that it was fitted on."
            if tests
            else "No fold has a test slice."
        )
    return Plot(
        "folds", "Walk-forward folds", drawn.finding, drawn.svg,
        f"Between slices, {plural(horizon, 'bar')} are left out: their outcomes would reach into "
        "the next slice. The refit trains up to the latest calibration slice.",
    )  # fmt: skip
