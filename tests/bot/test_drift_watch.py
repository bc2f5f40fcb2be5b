"""The drift watch: measures once a day, tells changes, asks once, and never stops trading."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.engine.situations import DIGEST, HOUR, facts, flat, forecast
from tests.evaluation.references import reference_of, stationary_of
from tests.integration.account import rows
from tests.ledger.entries import open_ledger
from tests.market_data import synthetic_bars

from tradinglab.adapters.ledger import Ledger
from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.reference import Reference
from tradinglab.engine.decision import Decision, Reason
from tradinglab.ports.training_requests import RequestNotTaken
from tradinglab.resource.training_request import TrainingRequest
from tradinglab_bot import drift_watch
from tradinglab_bot.drift_watch import DriftWatch
from tradinglab_bot.window import Window

LOOKBACK = 784
SEEN = LOOKBACK + 500


class Asked:
    """Notes what it is asked; refuses while `closed`."""

    def __init__(self) -> None:
        self.requests: list[TrainingRequest] = []
        self.closed = False

    async def ask(self, request: TrainingRequest) -> None:
        if self.closed:
            raise RequestNotTaken("nobody there")
        self.requests.append(request)


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    return synthetic_bars(60 * 168 + SEEN)


@pytest.fixture(scope="module")
def reference(market: pd.DataFrame) -> Reference:
    return reference_of(stationary_of(market.iloc[:-SEEN]))


def far_from(reference: Reference) -> Reference:
    """Of a training whose RSI never was what it is now."""
    edges = [list(each) for each in reference.edges]
    edges[5] = [value + 10 for value in edges[5]]
    return reference.model_copy(update={"edges": tuple(map(tuple, edges))})


def model(market: pd.DataFrame, reference: Reference | None, **changes: object) -> ModelFacts:
    changes = {
        "reference": reference,
        "lookback_bars": LOOKBACK,
        "data_end": int(market.index[-200]),
        **changes,
    }
    return facts().model.model_copy(update=changes)


def window_of(market: pd.DataFrame) -> Window:
    window = Window(LOOKBACK, HOUR)
    for candle in candles(market):
        window.append(candle)
    return window


def candles(market: pd.DataFrame) -> list[Bar]:
    return [Bar(int(row[0]), *map(float, row[1:])) for row in market.iloc[-SEEN:].itertuples()]


def record_forecasts(ledger: Ledger, market: pd.DataFrame, count: int) -> None:
    """Of the newest `count` bars."""
    with ledger.transaction():
        for candle in candles(market)[-count:]:
            outlook = forecast((0.25,) * 4).model_copy(update={"bar_open_time": candle.open_time})
            decision = Decision(candle.open_time, Reason.NO_EDGE, "")
            ledger.record_decision(candle, decision, outlook, DIGEST, {}, False, flat())


def states(folder: Path) -> list[str]:
    return [row["state"] for row in rows(folder / "ledger.db", "SELECT state FROM drift")]


def alerts(folder: Path) -> list[str]:
    found = rows(folder / "ledger.db", "SELECT text FROM outbox WHERE kind = 'drift'")
    return [row["text"] for row in found]


async def test_an_artifact_without_a_reference_is_not_watched_and_that_is_said_once(
    tmp_path: Path, market: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    watch = DriftWatch(open_ledger(tmp_path), Asked())
    window = window_of(market)
    with caplog.at_level(logging.INFO):
        for hour in range(3):
            await watch.after_bar(hour * HOUR, model(market, None), window)
    assert [record.getMessage() for record in caplog.records] == ["no drift watch"]
    assert states(tmp_path) == []


async def test_it_measures_on_the_first_bar_and_then_once_a_day_of_the_market(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    watch, window = DriftWatch(open_ledger(tmp_path), Asked()), window_of(market)
    for hour in range(5, 60):
        await watch.after_bar(hour * HOUR, model(market, reference), window)
    assert states(tmp_path) == ["steady"] * 3


async def test_a_restart_does_not_measure_the_day_again(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    ledger, window = open_ledger(tmp_path), window_of(market)
    for hour in (5, 6):
        await DriftWatch(ledger, None).after_bar(hour * HOUR, model(market, reference), window)
    assert len(states(tmp_path)) == 1


async def test_bars_that_the_training_saw_do_not_count(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    watch, window = DriftWatch(open_ledger(tmp_path), Asked()), window_of(market)
    lately = model(market, far_from(reference), data_end=int(market.index[-100]))
    await watch.after_bar(0, lately, window)
    assert states(tmp_path) == ["insufficient"]


async def test_a_drift_is_told_and_asked_for_once(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    asked, window, ledger = Asked(), window_of(market), open_ledger(tmp_path)
    served = model(market, far_from(reference))
    for day in range(3):
        watch = DriftWatch(ledger, asked)
        await watch.after_bar(day * 24 * HOUR, served, window)
        await watch.after_bar((day * 24 + 1) * HOUR, served, window)
    assert states(tmp_path) == ["drifted"] * 3
    assert [request.digest for request in asked.requests] == [DIGEST]
    assert "PSI of rsi is" in asked.requests[0].reason
    assert len(alerts(tmp_path)) == 1
    assert alerts(tmp_path)[0].endswith("a training is asked for")


async def test_a_request_that_is_not_taken_is_made_again(
    tmp_path: Path,
    market: pd.DataFrame,
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(drift_watch, "ASK_AGAIN_SECONDS", 0.0)
    asked, window = Asked(), window_of(market)
    asked.closed = True
    watch = DriftWatch(open_ledger(tmp_path), asked)
    for hour in range(3):
        await watch.after_bar(hour * HOUR, model(market, far_from(reference)), window)
    warned = [record for record in caplog.records if "cannot be asked" in record.getMessage()]
    assert len(warned) == 1
    asked.closed = False
    await watch.after_bar(3 * HOUR, model(market, far_from(reference)), window)
    assert len(asked.requests) == 1


async def test_without_anybody_to_ask_a_person_is_told(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    watch = DriftWatch(open_ledger(tmp_path), None)
    await watch.after_bar(0, model(market, far_from(reference)), window_of(market))
    assert alerts(tmp_path)[0].endswith("consider a training")


async def test_each_forecast_gets_the_class_that_came(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    ledger = open_ledger(tmp_path)
    record_forecasts(ledger, market, 100)
    await DriftWatch(ledger, None).after_bar(0, model(market, reference), window_of(market))
    came = rows(tmp_path / "ledger.db", "SELECT * FROM outcomes ORDER BY bar_open_time")
    assert [row["bar_open_time"] for row in came] == market.index[-100:-24].tolist()
    close = market["close"].to_numpy()
    for row, now, later in zip(came, close[-100:-24], close[-76:], strict=True):
        assert np.sign(row["standardised"]) == np.sign(later - now)
        assert (row["class"] < 2) == (later >= now)


async def test_a_hole_in_the_bars_leaves_its_horizons_without_outcome(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    holed = market.drop(market.index[-50])
    ledger = open_ledger(tmp_path)
    record_forecasts(ledger, holed, 90)
    await DriftWatch(ledger, None).after_bar(0, model(holed, reference), window_of(holed))
    came = {
        row["bar_open_time"]
        for row in rows(tmp_path / "ledger.db", "SELECT bar_open_time FROM outcomes")
    }
    assert came == set(market.index[-91:-74]) | set(market.index[-49:-24])


async def test_wrong_forecasts_drift_once_there_are_enough(
    tmp_path: Path, market: pd.DataFrame, reference: Reference
) -> None:
    ledger = open_ledger(tmp_path)
    record_forecasts(ledger, market, 520)
    expecting = reference.model_copy(update={"log_loss": 1.0})
    await DriftWatch(ledger, None).after_bar(0, model(market, expecting), window_of(market))
    (row,) = rows(tmp_path / "ledger.db", "SELECT * FROM drift")
    assert row["state"] == "drifted"
    body = json.loads(row["body"])
    assert body["forecasts"] == 496
    assert body["findings"][0].startswith("log-loss is 1.386 where 1.000 was expected")


async def test_a_defect_is_logged_and_goes_no_further(
    tmp_path: Path,
    market: pd.DataFrame,
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(drift_watch, "measure_drift", broken)
    watch = DriftWatch(open_ledger(tmp_path), None)
    await watch.after_bar(0, model(market, reference), window_of(market))
    assert "drift not measured" in caplog.text
    assert states(tmp_path) == []
