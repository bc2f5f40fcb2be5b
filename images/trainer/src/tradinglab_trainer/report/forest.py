"""The gain's intervals, on which the verdict rests, as a forest plot.

Called by the page.
"""

from tradinglab_trainer.evidence import Evidence
from tradinglab_trainer.report.canvas import (
    AMBER,
    BLUE,
    INK,
    MUTED,
    PURPLE,
    TURQUOISE,
    Plot,
    canvas,
)
from tradinglab_trainer.report.wording import gain

THOUSAND = 1000  # gains are thousandths of a nat
OFF_SCALE = 3.0  # a mark further out than this many intervals is an arrow at the edge


def forest(evidence: Evidence) -> Plot:
    m = evidence.metrics
    rows = [("Four classes", "gain", BLUE),
            ("Direction", "direction_gain", TURQUOISE),
            ("Four classes,\nover the logit", "gain_over_logit", PURPLE)]  # fmt: skip
    ends = [m[f"{name}{end}"] * THOUSAND for _, name, _ in rows for end in ("_low", "_high")]
    marks = {
        "costs need": (m["direction_gain_needed"] * THOUSAND, AMBER, "s"),
        "detectable": (evidence.gate.detectable_gain * THOUSAND, INK, "D"),
    }
    largest = max(abs(value) for value in ends) or 1.0
    shown = [value for value, *_ in marks.values() if value <= OFF_SCALE * largest]
    left, right = min(*ends, 0.0), max(*ends, *shown, 0.0)
    margin = 0.06 * (right - left)
    with canvas("forest", 270) as drawn:
        axes = drawn.figure.subplots()
        axes.axvline(0, color=MUTED, linewidth=1.2)
        for height, (_, name, colour) in zip((2, 1, 0), rows, strict=True):
            low, value, high = (m[f"{name}{end}"] * THOUSAND for end in ("_low", "", "_high"))
            axes.plot((low, high), (height, height), color=colour, linewidth=3.2)
            axes.plot(value, height, "o", color=colour, markersize=8)
        for offset, (label, (value, colour, marker)) in zip(
            (0.3, -0.3), marks.items(), strict=True
        ):
            inside = min(value, right)
            axes.plot(
                inside, 1 + offset, marker if value <= right else ">", color=colour, markersize=6
            )
            side = "right" if inside > (left + right) / 2 else "left"
            axes.annotate(
                f"{label} {gain(value / THOUSAND)}", (inside, 1 + offset),
                xytext=(-9 if side == "right" else 9, 0), textcoords="offset points",
                ha=side, va="center", color=INK,
            )  # fmt: skip
        axes.set_yticks((2, 1, 0), [label for label, *_ in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        axes.set(
            xlim=(left - margin, right + margin), ylim=(-0.5, 2.5),
            xlabel="log-loss gain, thousandths of a nat",
        )  # fmt: skip
        drawn.finding = _found(evidence)
    return Plot(
        "forest", "What the forecasts gain, with 95 % intervals", drawn.finding, drawn.svg,
        "Right of the line is better than knowing nothing (the better of prior and even odds) or "
        "than a simple model (the logit). Costs and the detectable gain concern direction.",
    )  # fmt: skip


def _found(evidence: Evidence) -> str:
    words = []
    for name, what in (
        ("gain", "four classes"),
        ("direction_gain", "direction"),
        ("gain_over_logit", "four classes over the logit"),
    ):
        low, high = evidence.metrics[f"{name}_low"], evidence.metrics[f"{name}_high"]
        where = "above zero" if low > 0 else "below zero" if high < 0 else "around zero"
        words.append(f"{what} {gain(evidence.metrics[name])}, interval {where}")
    return f"Gains in nats over prior and even odds: {'; '.join(words)}."
