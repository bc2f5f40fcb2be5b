"""The rolling window of bars and its snapshots."""

import numpy as np
from tests.engine.situations import HOUR
from tests.market_data import synthetic_bars

from tradinglab.domain.bar import Bar
from tradinglab.features.snapshot import compute_snapshots
from tradinglab_bot.window import Window, bars_needed

LOOKBACK = 64


def rows(count: int) -> list[Bar]:
    frame = synthetic_bars(count)
    return [
        Bar(int(row[0]), *(float(value) for value in row[1:6]))
        for row in frame[["open", "high", "low", "close", "volume"]].itertuples()
    ]


def test_snapshots_equal_those_of_the_whole_history() -> None:
    window = Window(LOOKBACK, HOUR)
    for bar in rows(2_000):
        window.append(bar)
    found = window.snapshots()
    assert found is not None
    whole = compute_snapshots(synthetic_bars(2_000)).to_numpy()[-LOOKBACK:]
    without_volume_balance = [column for column in range(12) if column != 10]
    np.testing.assert_allclose(
        found[:, without_volume_balance], whole[:, without_volume_balance], rtol=1e-9
    )
    np.testing.assert_allclose(np.diff(found[:, 10]), np.diff(whole[:, 10]), rtol=1e-6)


def test_too_few_bars_give_no_snapshots() -> None:
    window = Window(LOOKBACK, HOUR)
    for bar in rows(LOOKBACK - 1):
        window.append(bar)
    assert window.snapshots() is None


def test_a_bar_seen_before_changes_nothing() -> None:
    window, bars = Window(LOOKBACK, HOUR), rows(bars_needed(LOOKBACK))
    for bar in [*bars, bars[-1], bars[5]]:
        window.append(bar)
    found = window.snapshots()
    assert found is not None
    assert found[-1][3] == bars[-1].close


def test_a_hole_counts_while_the_model_sees_it() -> None:
    window, bars = Window(LOOKBACK, HOUR), rows(100)
    for bar in bars[:50] + bars[53:]:
        window.append(bar)
    assert window.missing_bars(16) == 0
    assert window.missing_bars(60) == 3


def test_a_wider_window_joins_older_bars_with_those_it_has() -> None:
    bars = rows(bars_needed(2 * LOOKBACK))
    window = Window(LOOKBACK, HOUR)
    for bar in bars[-bars_needed(LOOKBACK) :]:
        window.append(bar)
    wider = window.widened(2 * LOOKBACK, bars[:-2])  # a lagging answer: the newest are not in it
    found, narrow = wider.snapshots(), window.snapshots()
    assert found is not None
    assert narrow is not None
    assert len(found) == 2 * LOOKBACK
    assert wider.missing_bars(2 * LOOKBACK) == 0
    np.testing.assert_allclose(found[-1, :10], narrow[-1, :10], rtol=1e-6)
