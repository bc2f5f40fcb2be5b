"""What was forecast against what came, by class.

Called by the page.
"""

import numpy as np
from matplotlib.patches import Rectangle

from tradinglab.domain.forecast import CLASS_COUNT
from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import BLUE, INK, MUTED, Plot, canvas
from tradinglab_trainer.report.wording import count, percent

NAMES = ("▲▲ strong", "▲ moderate", "▼ moderate", "▼▼ strong")
SHADE = 0.56  # text in ink stays legible on the fullest cell, in light and dark


def confusion(evidence: Evidence) -> Plot:
    forecasts = evidence.forecasts
    chosen = forecasts.probabilities.argmax(axis=1)
    counts = np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64)
    np.add.at(counts, (forecasts.classes, chosen), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with canvas("confusion", 330) as drawn:
        axes = drawn.figure.subplots()
        for row in range(CLASS_COUNT):
            for column in range(CLASS_COUNT):
                share = float(shares[row, column])
                axes.add_patch(
                    Rectangle(
                        (column - 0.48, row - 0.47),
                        0.96,
                        0.94,
                        facecolor=BLUE,
                        alpha=SHADE * share**0.8 + 0.04,
                        linewidth=0,
                    )
                )
                axes.text(
                    column, row - 0.12, percent(share, 0), ha="center", va="center",
                    color=INK, fontweight="bold",
                )  # fmt: skip
                axes.text(
                    column, row + 0.24, count(counts[row, column]), ha="center", va="center",
                    color=INK, fontsize=11,
                )  # fmt: skip
        axes.set(xlim=(-0.5, 3.5), ylim=(3.5, -0.5), xlabel="forecast", ylabel="came")
        axes.set_xticks(range(CLASS_COUNT), [name.replace(" ", "\n") for name in NAMES])
        axes.set_yticks(range(CLASS_COUNT), [name.replace(" ", "\n") for name in NAMES])
        axes.tick_params(length=0, labelcolor=MUTED)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        usual = int(counts.sum(axis=0).argmax())
        drawn.finding = (
            f"The most likely class came in {percent(evidence.metrics['accuracy'])} of forecasts; "
            f"{NAMES[usual]} was named most often, "
            f"{percent(float((chosen == usual).mean()), 0)} of the time."
        )
    return Plot(
        "confusion", "Confusion of the four classes", drawn.finding, drawn.svg,
        "Each row sums to 100 %: of the times a class came, how often each was forecast; below, "
        "the counts. ▲ bullish, ▼ bearish.",
    )  # fmt: skip
