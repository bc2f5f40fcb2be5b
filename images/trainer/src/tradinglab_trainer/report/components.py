"""The principal components: how much variance each holds, and which features make it.

Called by the page.
"""

import numpy as np
from matplotlib.patches import Rectangle

from tradinglab.features.columns import SNAPSHOT_COLUMNS
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
from tradinglab_trainer.report.wording import decimal, percent, plural

WEAKEST_NAMED = 0.35


def spectrum(evidence: Evidence) -> Plot:
    kept, share = len(evidence.loadings), evidence.spec.training.pca.variance
    variance = 100 * evidence.spectrum
    numbers = np.arange(1, len(variance) + 1)
    total = np.cumsum(variance)
    with canvas("spectrum", 310) as drawn:
        axes = drawn.figure.subplots()
        colours = [TURQUOISE if number <= kept else MUTED for number in numbers]
        axes.bar(numbers, variance, 0.7, color=colours, label="of each (kept)")
        axes.plot(numbers, total, "o-", color=BLUE, markersize=5, label="cumulative")
        axes.axhline(
            100 * share, color=AMBER, linewidth=1.3, linestyle=(0, (4, 3)),
            label=percent(share, 0),
        )  # fmt: skip
        axes.set(xlabel="component", ylabel="variance, %", ylim=(0, 105), xticks=numbers)
        axes.grid(visible=False, axis="x")
        legend_above(axes, 3)
        drawn.finding = (
            f"{plural(kept, 'component')} of {len(variance)} hold "
            f"{percent(float(total[kept - 1]) / 100)} of the variance; the first alone "
            f"{percent(float(variance[0]) / 100)}."
        )
    return Plot(
        "spectrum", "Variance of the components", drawn.finding, drawn.svg,
        f"Of the refit that ships. Components are kept until {percent(share, 0)} is reached; grey "
        "ones are dropped.",
    )  # fmt: skip


def loadings(evidence: Evidence) -> Plot:
    values = evidence.loadings
    count, width = values.shape
    with canvas("loadings", 110 + 24 * count) as drawn:
        axes = drawn.figure.subplots()
        for row in range(count):
            for column in range(width):
                value = float(values[row, column])
                axes.add_patch(
                    Rectangle(
                        (column - 0.46, row - 0.44),
                        0.92,
                        0.88,
                        linewidth=0,
                        facecolor=TURQUOISE if value > 0 else AMBER,
                        alpha=min(1.0, 0.05 + 0.95 * abs(value)),
                    )
                )
        axes.set(xlim=(-0.5, width - 0.5), ylim=(count - 0.5, -0.5), ylabel="component")
        axes.set_yticks(range(count), [str(row + 1) for row in range(count)])
        axes.set_xticks(range(width), SNAPSHOT_COLUMNS, rotation=55, ha="right",
                        rotation_mode="anchor")  # fmt: skip
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        drawn.finding = _found(values[0])
    return Plot(
        "loadings", "Loadings: what the components are made of", drawn.finding, drawn.svg,
        "Turquoise: the feature, made stationary, raises the component; amber: it lowers it. "
        "The stronger, the more.",
    )  # fmt: skip


def _found(first: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    order = np.argsort(-np.abs(first), kind="stable")
    strong = [index for index in order if abs(first[index]) >= WEAKEST_NAMED] or [order[0]]
    named = ", ".join(
        f"{SNAPSHOT_COLUMNS[index]} ({decimal(float(first[index]), 2, signed=True)})"
        for index in strong
    )
    return f"The first component is made mostly of {named}."


def numbers(evidence: Evidence) -> list[tuple[str, ...]]:
    """The loadings as a table: component, then one figure per feature."""
    return [
        (str(row + 1), *(decimal(value, 2) for value in values))
        for row, values in enumerate(evidence.loadings.tolist())
    ]
