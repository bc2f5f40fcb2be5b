"""The daily picture: drawn by a child, of the ledger as it was, and never in the summary's way."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image
from tests.ledger.entries import decide, open_ledger

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.telegram_queries import CURVE_POINTS, equity_curve
from tradinglab_bot import day_picture
from tradinglab_bot.day_picture import DayPictures
from tradinglab_bot.equity_picture import draw, percent, tick_step

HOUR = 3_600_000
BOT_BLUE, HOLD_ORANGE = (11, 98, 214), (217, 130, 43)


def days(ledger: Ledger, count: int) -> None:
    with ledger.transaction():
        for number in range(count):
            decide(ledger, number, 30_000.0 * (1 + 0.001 * number))


def colours(picture: bytes) -> set[tuple[int, int, int]]:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return {colour for _, colour in image.getcolors(1 << 20) or []}  # type: ignore[misc]


async def test_the_picture_is_a_png_of_a_phones_size(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    days(ledger, 48)
    ledger.add_alert("daily", "the day")
    pictures = DayPictures(ledger.path)
    pictures.symbol = "BTC/USDT"
    picture = await pictures.of_alert(1)
    assert picture is not None
    assert struct.unpack(">II", picture[16:24]) == (1080, 810)
    assert len(picture) < 200_000


async def test_a_summary_sent_late_shows_equity_as_it_was_then(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    days(ledger, 10)
    ledger.add_alert("daily", "the day")
    before = await DayPictures(ledger.path).of_alert(1)
    with ledger.transaction():
        for number in range(10, 20):
            decide(ledger, number, 60_000.0)
    assert await DayPictures(ledger.path).of_alert(1) == before


async def test_one_bar_makes_no_picture(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    days(ledger, 1)
    ledger.add_alert("daily", "the day")
    assert await DayPictures(ledger.path).of_alert(1) is None


async def test_a_child_that_fails_leaves_the_summary_without_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = open_ledger(tmp_path)
    days(ledger, 3)
    ledger.add_alert("daily", "the day")
    monkeypatch.setattr(day_picture, "PROGRAM", "tradinglab_bot.absent")
    assert await DayPictures(ledger.path).of_alert(1) is None
    assert "no picture for the daily summary" in caplog.text


async def test_a_child_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(tmp_path)
    days(ledger, 3)
    ledger.add_alert("daily", "the day")
    monkeypatch.setattr(day_picture, "DRAW_SECONDS", 0.01)
    assert await DayPictures(ledger.path).of_alert(1) is None


def test_a_long_curve_is_thinned_and_keeps_its_first_and_last_bar(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    days(ledger, 3 * CURVE_POINTS + 7)
    curve = equity_curve(ledger.path)
    assert len(curve.times) <= 1.5 * CURVE_POINTS
    assert curve.times[-1] - curve.times[0] == (3 * CURVE_POINTS + 6) * HOUR
    assert list(curve.times) == sorted(set(curve.times))


def test_both_curves_are_in_the_picture() -> None:
    times = [number * HOUR for number in range(50)]
    picture = draw(
        "title", times, [100.0 + n for n in range(50)], [50.0 - n / 9 for n in range(50)]
    )
    found = colours(picture)
    for wanted in (BOT_BLUE, HOLD_ORANGE):
        assert any(
            all(abs(one - other) < 12 for one, other in zip(colour, wanted, strict=True))
            for colour in found
        )


@pytest.mark.parametrize(
    ("equity", "close"),
    [
        ([0.0, 0.0], [1.0, 1.0]),
        ([100.0, 100.0], [1e-8, 1e-8]),
        ([100.0, 0.0], [1e9, 1.0]),
        ([1e-9, 1e9], [1.0, 2.0]),
    ],
)
def test_odd_curves_are_drawn_all_the_same(equity: list[float], close: list[float]) -> None:
    assert draw("odd", [0, HOUR], equity, close).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("span", "step"), [(0.002, 0.0005), (0.06, 0.01), (0.5, 0.1), (3.0, 0.5), (7.0, 2.0)]
)
def test_the_axis_has_round_steps(span: float, step: float) -> None:
    assert tick_step(span) == pytest.approx(step)


def test_ticks_show_as_many_digits_as_their_step_needs() -> None:
    assert percent(0.0005, 0.0005) == "+0.05%"
    assert percent(-0.1, 0.1) == "-10%"
    assert percent(0.0, 0.1) == "0%"
