"""The bars that were trained and judged on: range, hash, and what is odd in them.

Called by the page.
"""

from dataclasses import dataclass

from tradinglab.artifact.manifest import DataRange
from tradinglab_trainer.report.wording import count, minute, percent, plain, plural, span

SHOWN = 8  # the rest is folded away


@dataclass(frozen=True)
class Oddity:
    """One kind of what is odd: `head`, and rows of which the first SHOWN are greatest."""

    title: str
    summary: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shown: int = SHOWN


def facts(data: DataRange, bar_milliseconds: int) -> list[tuple[str, str]]:
    spanned = (data.end - data.start) // bar_milliseconds + 1
    missing = missing_bars(data)
    return [
        ("First bar", f"{minute(data.start)} UTC"),
        ("Last bar", f"{minute(data.end)} UTC"),
        ("Bars", f"{count(data.bars)} of {count(spanned)}"),
        ("Missing", f"{plural(missing, 'bar')} ({percent(missing / spanned, 2)})"),
        ("SHA-256", data.sha256),
    ]


def missing_bars(data: DataRange) -> int:
    return data.missing_bars or sum(gap.missing_bars for gap in data.gaps)


def oddities(data: DataRange, bar_milliseconds: int) -> list[Oddity]:
    return [_gaps(data, bar_milliseconds), _silence(data, bar_milliseconds), _outliers(data)]


def _listed(found: int, listed: int) -> str:
    return f"; the {count(listed)} greatest are listed" if listed < found else ""


def _gaps(data: DataRange, bar_milliseconds: int) -> Oddity:
    found = data.gap_count or len(data.gaps)
    gaps = sorted(data.gaps, key=lambda gap: (-gap.missing_bars, gap.after))
    summary = (
        f"{plural(found, 'gap')}, {plural(missing_bars(data), 'bar')} missing"
        f"{_listed(found, len(gaps))}. No window and no horizon crosses a gap."
        if found
        else "None: every bar of the range is there."
    )
    return Oddity(
        "Gaps", summary, ("after the bar of", "missing", "length"),
        tuple(
            (minute(gap.after), count(gap.missing_bars), span(gap.missing_bars * bar_milliseconds))
            for gap in gaps
        ),
    )  # fmt: skip


def _silence(data: DataRange, bar_milliseconds: int) -> Oddity:
    stretches = sorted(data.zero_volume, key=lambda stretch: (-stretch.bars, stretch.start))
    summary = (
        f"{plural(data.zero_volume_bars, 'bar')} without a trade; the longest stretches first."
        if data.zero_volume_bars
        else "None: something was traded in every bar."
    )
    return Oddity(
        "Bars without volume", summary, ("from", "bars", "length"),
        tuple(
            (minute(each.start), count(each.bars), span(each.bars * bar_milliseconds))
            for each in stretches
        ),
    )  # fmt: skip


def _outliers(data: DataRange) -> Oddity:
    greatest = sorted(data.outliers, key=lambda each: -abs(each.value / each.reference - 1))
    summary = (
        f"{plural(len(greatest), 'price')} far from the neighbours, the furthest first. They "
        f"stay as they are: features are clipped."
        if greatest
        else "None: no price is far from its neighbours."
    )
    return Oddity(
        "Outliers", summary, ("bar", "price", "found", "beside"),
        tuple(
            (minute(each.open_time), each.column, plain(each.value), plain(each.reference))
            for each in greatest
        ),
    )  # fmt: skip
