"""When a demo counts as complete, and what it prints."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tradinglab.adapters.ledger.summary import LedgerSummary
from tradinglab.resource.status import ArtifactStatus, TradingModelStatus
from tradinglab_operator.local.market import MarketSource
from tradinglab_operator.local.report import Report

CURRENT = ArtifactStatus(
    version="v1", digest="sha256:1", trained_at=datetime(2024, 1, 1, tzinfo=UTC), verdict="Unproven"
)
LEDGER = LedgerSummary(
    bars_decided=240,
    forecasts=240,
    decisions_by_reason={"NO_EDGE": 200, "ENTER": 40},
    digests=("sha256:1",),
    orders=4,
    entries=2,
    fills=3,
    trades=1,
    trades_won=1,
    profit=Decimal("12.5"),
    first_bar=0,
    last_bar=239,
    first_equity=Decimal(10_000),
    last_equity=Decimal("10012.5"),
    first_close=100.0,
    last_close=110.0,
    alerts_sent=0,
    alerts_waiting=0,
)


def report(source: MarketSource = MarketSource.SEEDED, **changes: object) -> Report:
    ledger = replace(LEDGER, **changes)  # type: ignore[arg-type]
    return Report(TradingModelStatus(current=CURRENT), ledger, source, 240, 90.0)


def test_a_complete_demo_says_so_on_its_last_line() -> None:
    document = json.loads(report().result_line())
    assert document["result"] == "complete"
    assert document["decisions"] == {"NO_EDGE": 200, "ENTER": 40}
    assert document["buyAndHoldReturn"] == 0.1
    assert "buy and hold" in report().table()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bars_decided": 239}, "239 of 240 bars have a decision"),
        ({"forecasts": 230}, "230 of 240 bars have a forecast"),
        ({"orders": 0, "fills": 0}, "no order was placed"),
        ({"fills": 0}, "no order was filled"),
        ({"decisions_by_reason": {"": 1, "ENTER": 239}}, "a decision has no reason"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, object], problem: str) -> None:
    assert any(problem in each for each in report(**changes).missing())
    assert json.loads(report(**changes).result_line())["result"] == "incomplete"


def test_no_trade_on_recorded_bars_is_an_ordinary_end() -> None:
    assert report(MarketSource.BARS, orders=0, fills=0, trades=0).missing() == []


def test_without_model_or_ledger_the_demo_is_incomplete() -> None:
    empty = Report(TradingModelStatus(), None, MarketSource.SEEDED, 240, 1.0)
    assert len(empty.missing()) == 2
    assert json.loads(empty.result_line())["version"] is None
