"""Streams over real sockets: begun, continued, repeated, torn, replaced, forgotten."""

import json

import httpx
import numpy as np
import pytest
from tests.api.conftest import nullable, refused, settings_of
from tests.api.test_forecast_route import only
from tests.market_data import real_bars

from tradinglab.features.columns import SNAPSHOT_COLUMNS
from tradinglab.features.snapshot import compute_snapshots
from tradinglab.predictor import Predictor

HOUR = 3_600_000


@pytest.fixture(scope="module")
def market(artifact):
    """Snapshots of recorded bars, (n, 12), and their open times; more than one lookback."""
    bars = real_bars(artifact.manifest.lookback_bars + 60)
    times = range(1_680_000_000_000 // HOUR * HOUR, 2**62, HOUR)[: len(bars)]
    return compute_snapshots(bars).to_numpy(), list(times)


def begun(http, name, market, lookback, end):
    rows, times = market
    body = {"bar_open_time": times[end - 1], "snapshots": nullable(rows[end - lookback : end])}
    return http.put(f"/v1/streams/{name}", json=body)


def next_row(market, at):
    rows, times = market
    return {"bar_open_time": times[at], "snapshot": rows[at].tolist()}


def test_a_stream_forecasts_what_the_whole_history_does(http, artifact, market):
    rows, times = market
    lookback = artifact.manifest.lookback_bars
    predictor = Predictor.load(artifact)
    first = only(begun(http, "whole", market, lookback, lookback))
    assert first.bar_open_time == times[lookback - 1]
    for at in range(lookback, len(rows)):
        made = only(http.post("/v1/streams/whole", json=next_row(market, at)))
        outputs = predictor.outputs(rows[None, at + 1 - lookback : at + 1])
        assert made.bar_open_time == times[at]
        assert made.probabilities == pytest.approx(outputs.probabilities[0], abs=1e-6)
        assert made.momentum == pytest.approx(outputs.momentum[0], abs=1e-6)
        assert np.log(made.volatility_per_bar) == pytest.approx(outputs.log_volatility[0], abs=1e-6)


def test_a_row_may_be_given_by_name(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    for name in ("ordered", "named"):
        begun(http, name, market, lookback, lookback)
    row = next_row(market, lookback)
    by_name = dict(zip(SNAPSHOT_COLUMNS, row["snapshot"], strict=True))
    ordered = only(http.post("/v1/streams/ordered", json=row))
    named = only(http.post("/v1/streams/named", json=row | {"snapshot": by_name}))
    assert named == ordered


def test_the_same_bar_again_is_the_same_forecast(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    begun(http, "again", market, lookback, lookback)
    row = next_row(market, lookback)
    first = only(http.post("/v1/streams/again", json=row))
    slightly = row | {"snapshot": [*row["snapshot"]]}
    slightly["snapshot"][5] *= 1 + 1e-13  # computed from another first bar
    slightly["snapshot"][10] += 1e6
    assert only(http.post("/v1/streams/again", json=slightly)) == first
    assert http.get("/v1/streams/again").json()["bar_open_time"] == row["bar_open_time"]


def test_a_cold_stream_says_which_rows_it_needs(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    row = next_row(market, lookback)
    problem = refused(http.post("/v1/streams/cold", json=row), 409)
    assert (problem["type"], problem["field"]) == ("/docs#stream-cold", "stream")
    assert problem["missing"] == {
        "from_bar_open_time": row["bar_open_time"] - (lookback - 1) * HOUR,
        "to_bar_open_time": row["bar_open_time"] - HOUR,
        "bars": lookback - 1,
    }


def test_a_gap_says_which_rows_are_missing_and_they_close_it(http, artifact, market):
    _, times = market
    lookback = artifact.manifest.lookback_bars
    begun(http, "gap", market, lookback, lookback)
    problem = refused(http.post("/v1/streams/gap", json=next_row(market, lookback + 3)), 409)
    assert (problem["type"], problem["field"]) == ("/docs#stream-gap", "bar_open_time")
    missing = problem["missing"]
    assert (missing["from_bar_open_time"], missing["to_bar_open_time"], missing["bars"]) == (
        times[lookback],
        times[lookback + 2],
        3,
    )
    for at in range(lookback, lookback + 4):
        made = only(http.post("/v1/streams/gap", json=next_row(market, at)))
    begun(http, "whole-history", market, lookback, lookback + 4)
    again = only(http.post("/v1/streams/whole-history", json=next_row(market, lookback + 3)))
    assert made.probabilities == pytest.approx(again.probabilities, abs=1e-9)


def test_another_row_for_a_known_bar_is_a_conflict_with_both_values(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    begun(http, "conflict", market, lookback, lookback)
    row = next_row(market, lookback - 1)
    close = row["snapshot"][3]
    row["snapshot"][3] = close + 0.01
    problem = refused(http.post("/v1/streams/conflict", json=row), 409)
    assert (problem["type"], problem["field"]) == ("/docs#stream-conflict", "snapshot[3] (close)")
    assert (problem["value"], problem["expected"]) == (str(close + 0.01), str(close))
    older = next_row(market, lookback - 5)
    older["snapshot"][4] += 1
    assert refused(http.post("/v1/streams/conflict", json=older), 409)["field"].endswith("(volume)")


def test_a_past_bar_is_told_to_be_past(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    begun(http, "past", market, lookback, lookback)
    problem = refused(http.post("/v1/streams/past", json=next_row(market, lookback - 4)), 409)
    assert problem["type"] == "/docs#stream-past"
    ancient = next_row(market, 30) | {"bar_open_time": 0}
    assert refused(http.post("/v1/streams/past", json=ancient), 409)["type"] == "/docs#stream-past"


def test_a_history_replaces_whatever_a_stream_held(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    begun(http, "replaced", market, lookback, lookback + 20)
    only(begun(http, "replaced", market, lookback, lookback))
    only(http.post("/v1/streams/replaced", json=next_row(market, lookback)))


def test_a_stream_is_shown_and_forgotten(http, artifact, market):
    lookback = artifact.manifest.lookback_bars
    begun(http, "shown", market, lookback, lookback)
    shown = http.get("/v1/streams/shown").json()
    assert (shown["digest"], shown["rows"]) == (artifact.digest, lookback)
    assert shown["bar_open_time"] - shown["first_bar_open_time"] == (lookback - 1) * HOUR
    assert http.delete("/v1/streams/shown").status_code == 204
    assert refused(http.get("/v1/streams/shown"), 404)["field"] == "stream"
    assert refused(http.delete("/v1/streams/shown"), 404)["field"] == "stream"


@pytest.mark.parametrize("name", ["a b", "x" * 65, "%00", "ä"])
def test_a_name_that_no_stream_may_have_is_refused(http, market, artifact, name):
    row = next_row(market, artifact.manifest.lookback_bars)
    assert refused(http.post(f"/v1/streams/{name}", json=row), 422)["field"] == "stream"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"snapshot": [1.0] * 11}, "snapshot"),
        ({"snapshot": [*[1.0] * 5, None, *[1.0] * 6]}, "snapshot[5] (rsi)"),
        ({"snapshot": [*[1.0] * 3, 0, *[1.0] * 8]}, "snapshot[3] (close)"),
        ({"snapshot": [*[1.0] * 4, -1, *[1.0] * 7]}, "snapshot[4] (volume)"),
        ({"snapshot": {"open": 1}}, "snapshot.high"),
        ({"snapshot": dict.fromkeys(SNAPSHOT_COLUMNS, 1.0) | {"low": -1}}, "snapshot.low"),
        ({"snapshot": dict.fromkeys(SNAPSHOT_COLUMNS, 1.0) | {"ema": 1}}, "snapshot.ema"),
        ({"snapshot": "x"}, "snapshot"),
        ({"bar_open_time": 1}, "bar_open_time"),
        ({"snapshots": []}, "snapshots"),
    ],
)
def test_a_wrong_row_is_named_and_changes_nothing(http, artifact, market, change, field):
    lookback = artifact.manifest.lookback_bars
    begun(http, "wrong", market, lookback, lookback)
    row = next_row(market, lookback) | change
    assert refused(http.post("/v1/streams/wrong", json=row), 422)["field"] == field
    only(http.post("/v1/streams/wrong", json=next_row(market, lookback)))


@pytest.mark.parametrize("value", [1e308, 1e-308])
def test_an_extreme_row_leaves_the_stream_usable(http, artifact, market, value):
    lookback = artifact.manifest.lookback_bars
    for column in range(12):
        begun(http, "extreme", market, lookback, lookback)
        row = next_row(market, lookback)
        row["snapshot"][column] = value
        assert http.post("/v1/streams/extreme", json=row).status_code in (200, 422)
        answer = http.post("/v1/streams/extreme", json=next_row(market, lookback + 1))
        assert answer.status_code in (200, 409, 422)


def test_the_longest_unused_stream_makes_room(start, volume, artifact, market):
    lookback = artifact.manifest.lookback_bars
    api = start(settings_of(volume, artifact) | {"MAX_STREAMS": 2}).await_serving()
    with httpx.Client(base_url=api.url, timeout=30) as client:
        for name in ("a", "b"):
            only(begun(client, name, market, lookback, lookback))
        only(client.post("/v1/streams/a", json=next_row(market, lookback)))
        only(begun(client, "c", market, lookback, lookback))
        kept = {name: client.get(f"/v1/streams/{name}").status_code for name in "abc"}
        assert kept == {"a": 200, "b": 404, "c": 200}
        exposition = client.get("/metrics").text
    assert "tradinglab_api_streams 2.0" in exposition
    assert "tradinglab_api_streams_evicted 1.0" in exposition


def test_streams_are_bounded_by_memory_too(start, volume, artifact, market):
    lookback = artifact.manifest.lookback_bars
    limits = {"MAX_STREAMS": 1000, "MAX_STREAM_BYTES": 1 << 20}
    api = start(settings_of(volume, artifact) | limits).await_serving()
    content = json.dumps({"bar_open_time": 0, "snapshots": nullable(market[0][:lookback])})
    with httpx.Client(base_url=api.url, timeout=30) as client:
        headers = {"Content-Type": "application/json"}
        for number in range(14):
            only(client.put(f"/v1/streams/{number}", content=content, headers=headers))
        held = float(client.get("/metrics").text.split("\ntradinglab_api_streams ")[1].split()[0])
    assert 5 <= held <= (1 << 20) / (lookback * 12 * 8)
