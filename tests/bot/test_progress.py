"""What /metrics tells and when health turns red."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.bot.account import Desk
from tests.engine.situations import holding

from tradinglab.engine.state import EngineState, TradingMode
from tradinglab_bot.limits import KillSwitch
from tradinglab_bot.progress import STUCK_SECONDS, Progress
from tradinglab_bot.stages import Stages


def running(tmp_path: Path, state: EngineState | None = None, **trader: object) -> Progress:
    """A bot that holds a position and hears the market."""
    desk = Desk(tmp_path, state=state or holding())
    parts = {"decided": 3, "problem": None, "busy_since": None, "stages": Stages(), **trader}
    feed = SimpleNamespace(
        age_seconds=2.0, reconnects=1, last_price=30_000.0, queue=SimpleNamespace(qsize=lambda: 0)
    )
    return Progress(
        ledger=desk.books.ledger,
        books=desk.books,
        executor=desk.executor,
        feed=feed,  # type: ignore[arg-type]
        trader=SimpleNamespace(**parts),  # type: ignore[arg-type]
    )


def value(text: str, name: str) -> float:
    (line,) = [each for each in text.splitlines() if each.startswith(f"tradinglab_bot_{name} ")]
    return float(line.split()[1])


def test_metrics_tell_money_protection_and_machinery(tmp_path: Path) -> None:
    progress = running(tmp_path)
    assert progress.trader is not None
    progress.trader.stages.add("forecast", 0.003)
    text = progress.metrics()
    assert value(text, "equity") == 10_000
    assert value(text, "exposure") == 0.15
    assert value(text, "unprotected_base") == 0.05
    assert value(text, "outbox_length") == 0
    assert value(text, "feed_reconnects_total") == 1
    assert value(text, "ready") == 1
    assert 'stage_seconds_bucket{stage="forecast",le="0.004"} 1' in text
    assert 'stage_seconds_bucket{stage="forecast",le="0.002"} 0' in text


def test_a_scrape_is_answered_before_anything_is_known() -> None:
    assert value(Progress().metrics(), "ready") == 0


def test_a_bar_that_hangs_is_unhealthy_unless_the_reason_is_known(tmp_path: Path) -> None:
    long_ago = time.monotonic() - STUCK_SECONDS - 1
    assert running(tmp_path / "a", busy_since=long_ago).unhealthy()
    full = running(tmp_path / "b", busy_since=long_ago, problem="disk full")
    assert full.unhealthy() == []
    assert full.unready() == ["disk full"]


def test_a_silent_stream_is_unhealthy(tmp_path: Path) -> None:
    progress = running(tmp_path)
    progress.silence_seconds = 0.5
    assert "no frame" in progress.unhealthy()[0]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (holding(mode=TradingMode.HALTED), "halted"),
        (holding(mode=TradingMode.REDUCING), "reducing"),
        (holding(entries_paused=True), "paused entries"),
    ],
)
def test_what_a_person_or_limit_holds_back_is_not_ready_and_yet_healthy(
    state: EngineState, word: str, tmp_path: Path
) -> None:
    progress = running(tmp_path, state)
    assert progress.unhealthy() == []
    assert word in progress.unready()[0]
    assert value(progress.metrics(), "ready") == 0


def test_a_pulled_kill_switch_is_not_ready_and_yet_healthy(tmp_path: Path) -> None:
    progress = running(tmp_path)
    progress.switch = KillSwitch(tmp_path / "kill", None)
    assert progress.unready() == []
    (tmp_path / "kill").touch()
    assert progress.unhealthy() == []
    assert "kill switch" in progress.unready()[0]
