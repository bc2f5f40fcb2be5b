"""Draws figures whose colours follow the page's theme: matplotlib in, inline SVG out.

Called by every module of this package that draws. Colours are placeholders that become the page's
CSS variables, so that one drawing serves light, dark and paper.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tradinglab.domain.market import MILLISECONDS
from tradinglab.features.columns import FloatArray
from tradinglab_trainer.dataset import IntArray

WIDTH = 410  # px at which 12 px text is legible both on a phone (× 0.84) and a desk (× 1.2)
INK, MUTED, LINE, CARD = "#010101", "#020202", "#030303", "#040404"
BLUE, PURPLE, TURQUOISE, AMBER = "#050505", "#060606", "#070707", "#080808"
VARIABLES = {
    INK: "ink", MUTED: "muted", LINE: "line", CARD: "card",
    BLUE: "blue", PURPLE: "purple", TURQUOISE: "turquoise", AMBER: "amber",
}  # fmt: skip
SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "tradinglab", "text.parse_math": False,
    "font.family": "DejaVu Sans", "font.size": 12.0, "timezone": "UTC",
    "axes.facecolor": "none", "axes.edgecolor": LINE, "axes.labelcolor": MUTED,
    "axes.labelsize": 12.0, "axes.linewidth": 1.0, "axes.unicode_minus": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.titlesize": 12.0, "axes.titlecolor": INK, "axes.titlelocation": "left",
    "axes.grid": True, "grid.color": LINE, "grid.linewidth": 0.8,
    "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
    "xtick.labelsize": 12.0, "ytick.labelsize": 12.0, "text.color": INK,
    "legend.frameon": False, "legend.fontsize": 12.0, "legend.labelcolor": INK,
    "legend.handlelength": 1.4, "legend.borderaxespad": 0.0, "legend.columnspacing": 1.2,
    "lines.linewidth": 1.8, "path.simplify": True, "path.simplify_threshold": 0.3,
}  # fmt: skip
Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
HEAT: tuple[Colour, Colour] = (
    (0x84, 0x4D, 0xFF),
    (0x2A, 0x7F, 0xFF),
)  # opaque enough on white, bright enough on metal
MORE: Colour = (0x12, 0xA8, 0x9D)
LESS: Colour = (0xD8, 0x82, 0x1F)


@dataclass(frozen=True)
class Plot:
    """A drawn figure. `finding`: what it shows, in a sentence; `note`: how to read it."""

    slug: str
    title: str
    finding: str
    svg: Markup
    note: str = ""


@dataclass
class Canvas:
    """A figure being drawn; `svg` is there once the `canvas` block that made it has ended."""

    figure: Figure
    slug: str
    finding: str = ""
    svg: Markup = field(default_factory=Markup)


@contextmanager
def canvas(slug: str, height: int, width: int = WIDTH) -> Iterator[Canvas]:
    """Draw inside; the settings hold for the block alone."""
    with matplotlib.rc_context(SETTINGS):  # type: ignore[arg-type]
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        figure.get_layout_engine().set(w_pad=3 / 72, h_pad=3 / 72)  # type: ignore[union-attr,call-arg]
        drawn = Canvas(figure, slug)
        yield drawn
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )  # fmt: skip
    drawn.svg = _inline(buffer.getvalue(), slug, drawn.finding)


def _inline(svg: str, slug: str, finding: str) -> Markup:
    """Without prologue, sizes and fonts; ids that no other figure has; colours as variables."""
    svg = svg[svg.index("<svg") :]
    view_box = re.search(r'viewBox="[^"]+"', svg)
    body = svg[svg.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(
        r' id="([^"]+)"',
        lambda found: f' id="{slug}-{found[1]}"' if found[1] in used else "",
        body,
    )
    body = re.sub(r'((?:href="|url\()#)', rf"\g<1>{slug}-", body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    body = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", body)
    body = re.sub(
        r"font: (bold|700) ([\d.]+)px [^;\"]+", r"font-weight: 700; font-size: \2px", body
    )
    body = re.sub(r"\n\s*", "\n", body)
    box = view_box[0] if view_box else ""
    head = f'<svg role="img" aria-label="{escape(finding)}" {box}>'
    return Markup(head + body.strip())  # noqa: S704 – matplotlib escapes what it writes


def instants(times: IntArray) -> FloatArray:
    """UTC milliseconds as what the date axis takes: days since the epoch."""
    return times / MILLISECONDS["d"]


def date_axis(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set_color(MUTED)
    axes.grid(visible=False, axis="x")


def buckets(count: int, most: int) -> IntArray:
    """Starts of at most `most` runs of near equal length that cover `count` rows."""
    return np.unique(np.linspace(0, count, min(count, most), endpoint=False).astype(np.int64))


def bucket_means(values: NDArray[np.floating[Any]], starts: IntArray) -> FloatArray:
    """Mean of each run along the first axis."""
    lengths = np.diff(np.append(starts, len(values)))
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
    return np.asarray(sums / lengths.reshape(-1, *[1] * (values.ndim - 1)), np.float64)


def heat(values: FloatArray) -> Pixels:
    """(…) in 0–1 → RGBA, the stronger the more opaque: readable on any background.

    On a root scale, so that what is weak does not vanish.
    """
    return _blended(values, *HEAT)


def diverging(values: FloatArray) -> Pixels:
    """(…) in −1–1 → RGBA, turquoise above 0 and amber below, on a root scale as `heat`."""
    above, below = _blended(values, MORE, MORE), _blended(-values, LESS, LESS)
    return np.where((values > 0)[..., None], above, below)


def _blended(values: FloatArray, low: Colour, high: Colour) -> Pixels:
    share = np.sqrt(np.clip(values, 0, 1))[..., None]
    start, end = np.array(low, np.float64), np.array(high, np.float64)
    return np.concatenate((start + (end - start) * share, 255 * share), axis=-1).astype(np.uint8)


def legend_above(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns)
