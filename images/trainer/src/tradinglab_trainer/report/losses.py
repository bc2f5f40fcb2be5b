"""Loss curves of every fit, with the epoch that was kept.

Called by the page.
"""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tradinglab_trainer.evidence import Evidence, FoldFit
from tradinglab_trainer.report.canvas import AMBER, BLUE, INK, MUTED, Plot, canvas
from tradinglab_trainer.report.wording import plural

COLUMNS = 2
PANEL_HEIGHT = 165


def by_name(fits: Sequence[FoldFit]) -> dict[str, list[FoldFit]]:
    """The seeds of each fold together, in the order in which they were fitted."""
    groups: dict[str, list[FoldFit]] = {}
    for each in fits:
        groups.setdefault(each.name, []).append(each)
    return groups


def losses(evidence: Evidence) -> Plot:
    groups = by_name(evidence.fits)
    rows = math.ceil(len(groups) / COLUMNS)
    columns = min(COLUMNS, len(groups))
    with canvas("losses", 60 + PANEL_HEIGHT * rows) as drawn:
        panels = drawn.figure.subplots(rows, columns, squeeze=False)
        for axes, (name, fits) in zip(panels.flat, groups.items(), strict=False):
            _panel(axes, name, fits)
        for axes in panels.flat[len(groups) :]:
            axes.set_visible(False)
        for row in panels:
            row[0].set_ylabel("nats")
        handles, labels = panels.flat[0].get_legend_handles_labels()
        drawn.figure.legend(handles, labels, loc="outside upper left", ncols=3)
        drawn.finding = _found(evidence.fits)
    return Plot(
        "losses", "Loss by epoch", drawn.finding, drawn.svg,
        "One line per seed. The training loss weighs classes, momentum and volatility; the score "
        "that stops early is the joint log-likelihood of class and volatility, which needs no "
        "weights, so the two have different levels. The refit that ships has no slice to stop "
        "on: the folds fixed its epochs.",
    )  # fmt: skip


def _panel(axes: Axes, name: str, fits: Sequence[FoldFit]) -> None:
    for index, fit in enumerate(fits):
        epochs = [epoch.number for epoch in fit.history]
        first = index == 0
        train = [epoch.train for epoch in fit.history]
        stop = [epoch.stop for epoch in fit.history]
        axes.plot(
            epochs, train, ".-", color=MUTED, linewidth=1.2, markersize=4,
            label="training loss" if first else None,
        )  # fmt: skip
        judged = stop if any(math.isfinite(value) for value in stop) else train
        axes.plot(
            epochs, stop, ".-", color=BLUE, linewidth=1.5, markersize=4,
            label="early-stop score" if first else None,
        )  # fmt: skip
        if 1 <= fit.best_epoch <= len(judged):
            axes.plot(
                fit.best_epoch, judged[fit.best_epoch - 1], "D", color=AMBER, markersize=6.5,
                markeredgecolor=INK, markeredgewidth=0.8, label="kept" if first else None,
            )  # fmt: skip
    axes.set_title(name)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _found(fits: Sequence[FoldFit]) -> str:
    stopped = [fit for fit in fits if any(math.isfinite(epoch.stop) for epoch in fit.history)]
    if not stopped:
        return f"{plural(len(fits), 'fit')}, none with a slice to stop on."
    kept = sorted(fit.best_epoch for fit in stopped)
    earlier = sum(fit.best_epoch < len(fit.history) for fit in stopped)
    epochs = f"epochs {kept[0]} to {kept[-1]}" if kept[0] < kept[-1] else f"epoch {kept[0]}"
    return (
        f"{plural(len(stopped), 'fit')} kept {epochs}; in {earlier} of them later ones were no "
        f"better."
    )
