"""Draws equity against buy and hold for a phone: a program, JSON in, PNG out.

Run by the bot as a short-lived child, so that the drawing library's memory is never the bot's;
imports nothing of the bot for the same reason. Standard input: `title`, `times` (UTC ms),
`equity`, `close`, each of the last three a list of one length.
"""

import io
import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1080, 810
SHARPER = 2  # lines are drawn larger and shrunk, which smooths them
LEFT, TOP, RIGHT, BOTTOM = 120, 190, 1050, 730
PAPER, INK, FAINT, GRID = "#ffffff", "#1b1f24", "#6a737d", "#e1e4e8"
BOT, HOLD = "#0b62d6", "#d9822b"
BIG, MIDDLE, SMALL = 44, 36, 30
SMALLEST_SPAN = 0.002  # a flat curve is not blown up to fill the picture


@dataclass(frozen=True)
class Plot:
    """Changes since the first bar as fractions, and where they lie in the picture."""

    times: list[int]
    equity: list[float]
    hold: list[float]
    low: float
    high: float

    def x(self, time: int) -> float:
        first, last = self.times[0], self.times[-1]
        return LEFT + (RIGHT - LEFT) * ((time - first) / (last - first) if last > first else 1.0)

    def y(self, change: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (change - self.low) / (self.high - self.low)


def plot_of(times: list[int], equity: list[float], close: list[float]) -> Plot:
    bot = [each / equity[0] - 1 if equity[0] else 0.0 for each in equity]
    hold = [each / close[0] - 1 if close[0] else 0.0 for each in close]
    low, high = min(*bot, *hold, 0.0), max(*bot, *hold, 0.0)
    span = max(high - low, SMALLEST_SPAN)
    middle = (low + high) / 2
    return Plot(times, bot, hold, middle - 0.55 * span, middle + 0.55 * span)


def tick_step(span: float, most: int = 6) -> float:
    """The smallest of 1, 2, 5 times a power of ten that makes at most `most` steps."""
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)


def percent(change: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step * 100) + 1e-9))
    return f"{change * 100:+.{decimals}f}%" if abs(change) > step / 2 else "0%"


def moment(milliseconds: int, span: int) -> str:
    when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    days = span / 86_400_000
    return f"{when:%b %Y}" if days > 400 else f"{when:%d %b}" if days > 3 else f"{when:%d %b %H:%M}"


def draw(title: str, times: list[int], equity: list[float], close: list[float]) -> bytes:
    plot = plot_of(times, equity, close)
    large = Image.new("RGB", (WIDTH * SHARPER, HEIGHT * SHARPER), PAPER)
    _draw_curves(ImageDraw.Draw(large), plot)
    picture = large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    _write(ImageDraw.Draw(picture), plot, title)
    file = io.BytesIO()
    picture.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


def _draw_curves(pen: ImageDraw.ImageDraw, plot: Plot) -> None:
    for change in _ticks(plot)[0]:
        y = plot.y(change) * SHARPER
        line = ((LEFT * SHARPER, y), (RIGHT * SHARPER, y))
        pen.line(line, FAINT if change == 0 else GRID, 2 * SHARPER)
    for changes, colour, width in ((plot.hold, HOLD, 4), (plot.equity, BOT, 6)):
        points = [
            (plot.x(time) * SHARPER, plot.y(change) * SHARPER)
            for time, change in zip(plot.times, changes, strict=True)
        ]
        if len(points) > 1:
            pen.line(points, colour, width * SHARPER, joint="curve")
        x, y = points[-1]
        reach = width * SHARPER * 1.5
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), colour)


def _ticks(plot: Plot) -> tuple[list[float], float]:
    step = tick_step(plot.high - plot.low)
    first = math.ceil(plot.low / step)
    return [number * step for number in range(first, math.floor(plot.high / step) + 1)], step


def _write(pen: ImageDraw.ImageDraw, plot: Plot, title: str) -> None:
    big, middle, small = (ImageFont.load_default(size) for size in (BIG, MIDDLE, SMALL))
    pen.text((LEFT, 28), title, INK, big)
    x = float(LEFT)
    for name, change, colour in (
        ("bot", plot.equity[-1], BOT),
        ("buy and hold", plot.hold[-1], HOLD),
    ):
        pen.rectangle((x, 116, x + 28, 144), colour)
        words = f"{name} {change * 100:+.2f}%"
        pen.text((x + 42, 130), words, INK, middle, anchor="lm")
        x += 42 + pen.textlength(words, middle) + 60
    changes, step = _ticks(plot)
    for change in changes:
        pen.text((LEFT - 16, plot.y(change)), percent(change, step), FAINT, small, anchor="rm")
    first, last = plot.times[0], plot.times[-1]
    marks = [(first, "ls"), ((first + last) // 2, "ms"), (last, "rs")] if last > first else []
    for time, anchor in marks:
        pen.text((plot.x(time), HEIGHT - 30), moment(time, last - first), FAINT, small, anchor)


def main() -> None:
    given = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(given["title"], given["times"], given["equity"], given["close"]))


if __name__ == "__main__":
    main()
