"""Many histories at once, and principal components in place of raw rows."""

import gzip
import io
import json

import httpx
import numpy as np
import pytest
from tests.api.artifacts import COMPONENTS, HOUR, WINDOW, history, reference_artifact
from tests.api.conftest import nullable, refused, settings_of
from tests.market_data import synthetic_bars

from tradinglab.domain.forecast import ServedForecasts
from tradinglab.features.snapshot import compute_snapshots
from tradinglab.predictor import Predictor

NPY = {"Content-Type": "application/x-npy"}


@pytest.fixture(scope="module")
def histories(artifact):
    """(5, lookback, 12) of one market and the open times of their last rows."""
    lookback = artifact.manifest.lookback_bars
    bars = synthetic_bars(lookback + 100, 4)
    rows = compute_snapshots(bars).to_numpy()[60:]
    ends = range(lookback, lookback + 5)
    return np.stack([rows[end - lookback : end] for end in ends]), [HOUR * end for end in ends]


def forecasts(response):
    assert response.status_code == 200, response.text
    return ServedForecasts.model_validate_json(response.content).forecasts


def npy(records):
    content = io.BytesIO()
    np.save(content, records, allow_pickle=False)
    return content.getvalue()


def raw_records(histories, kind="<f8"):
    rows, times = histories
    form = [("bar_open_time", "<i8"), ("snapshots", kind, rows.shape[1:])]
    records = np.empty(len(rows), form)
    records["bar_open_time"], records["snapshots"] = times, rows
    return records


def component_inputs(artifact, histories):
    pipeline = Predictor.load(artifact).pipeline
    return [pipeline.window(rows) for rows in histories[0]]


def component_records(artifact, histories, kind="<f8"):
    windows = component_inputs(artifact, histories)
    form = [
        ("bar_open_time", "<i8"),
        ("snapshots", kind, windows[0][0].shape),
        ("log_volatility_baseline", kind),
    ]
    records = np.empty(len(windows), form)
    records["bar_open_time"] = histories[1]
    records["snapshots"] = [window for window, _ in windows]
    records["log_volatility_baseline"] = [baseline for _, baseline in windows]
    return records


def batch(histories, **more):
    rows, times = histories
    pairs = zip(rows, times, strict=True)
    return {"inputs": [{"bar_open_time": t, "snapshots": nullable(r)} | more for r, t in pairs]}


def same(found, expected):
    assert [each.bar_open_time for each in found] == [each.bar_open_time for each in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
        assert one.momentum == pytest.approx(other.momentum, abs=1e-6)
        assert one.volatility_per_bar == pytest.approx(other.volatility_per_bar, rel=1e-5)


def test_many_are_answered_as_one_by_one_with_the_same_schema(http, histories):
    document = batch(histories)
    many = forecasts(http.post("/v1/forecasts", json=document))
    one_by_one = [forecasts(http.post("/v1/forecast", json=each))[0] for each in document["inputs"]]
    same(many, one_by_one)


@pytest.mark.parametrize("kind", ["<f8", "<f4", ">f8"])
def test_an_npy_body_gives_what_json_gives(http, histories, kind):
    expected = forecasts(http.post("/v1/forecasts", json=batch(histories)))
    content = npy(raw_records(histories, kind))
    found = forecasts(http.post("/v1/forecasts", content=content, headers=NPY))
    assert [each.bar_open_time for each in found] == histories[1]
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-3)


def test_components_give_what_their_raw_rows_give(http, artifact, histories):
    expected = forecasts(http.post("/v1/forecasts", json=batch(histories)))
    inputs = [
        {
            "bar_open_time": time,
            "snapshots": window.tolist(),
            "log_volatility_baseline": baseline,
        }
        for time, (window, baseline) in zip(
            histories[1], component_inputs(artifact, histories), strict=True
        )
    ]
    same(forecasts(http.post("/v1/forecasts", json={"inputs": inputs})), expected)
    explicit = http.post("/v1/forecast", json=inputs[0] | {"space": "components"})
    same(forecasts(explicit), expected[:1])
    for kind in ("<f8", "<f4"):
        content = npy(component_records(artifact, histories, kind))
        same(forecasts(http.post("/v1/forecasts", content=content, headers=NPY)), expected)


def test_the_whole_batch_that_is_allowed_is_answered(http, artifact, histories):
    records = np.repeat(component_records(artifact, histories, "<f4"), 820)[:4096]
    answer = http.post("/v1/forecasts?attention=true", content=npy(records), headers=NPY)
    assert answer.headers["Content-Encoding"] == "gzip"
    found = forecasts(answer)
    assert len(found) == 4096
    assert len(found[0].attention) == WINDOW
    assert len(found[4095].attention) == WINDOW
    one_more = npy(np.repeat(records[:1], 4097))
    problem = refused(http.post("/v1/forecasts", content=one_more, headers=NPY), 422)
    assert problem["expected"] == "1 to 4096 records"


@pytest.mark.parametrize("path", ["/v1/forecast", "/v1/forecasts"])
def test_a_gzip_body_is_taken(http, histories, path):
    document = batch(histories)
    document = document if path.endswith("s") else document["inputs"][0]
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    content = gzip.compress(json.dumps(document).encode())
    assert http.post(path, content=content, headers=headers).status_code == 200


def test_a_gzip_body_that_swells_beyond_the_limit_is_refused(http):
    content = gzip.compress(b" " * (17 << 20))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    problem = refused(http.post("/v1/forecast", content=content, headers=headers), 413)
    assert problem["field"] == "body"
    assert "uncompressed" in problem["detail"]


@pytest.mark.parametrize("spoil", [lambda b: b"no" + b, lambda b: b[:-9], lambda b: b + b"x"])
def test_a_body_that_is_no_gzip_is_refused(http, histories, spoil):
    content = spoil(gzip.compress(json.dumps(batch(histories)["inputs"][0]).encode()))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    problem = refused(http.post("/v1/forecast", content=content, headers=headers), 400)
    assert problem["field"] == "body"


def test_another_coding_is_refused(http):
    headers = {"Content-Type": "application/json", "Content-Encoding": "br"}
    problem = refused(http.post("/v1/forecast", content=b"x", headers=headers), 415)
    assert problem["field"] == "Content-Encoding"


def test_small_answers_are_not_compressed_and_large_ones_only_if_wanted(http, body, histories):
    assert "Content-Encoding" not in http.post("/v1/forecast", json=body).headers
    plain = {"Accept-Encoding": "identity"}
    answer = http.post("/v1/forecasts?attention=true", json=batch(histories), headers=plain)
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"space": "components"}, "snapshots[0]"),
        ({"space": "pca"}, "space"),
        ({"log_volatility_baseline": -5.0}, "log_volatility_baseline"),
    ],
)
def test_a_space_that_does_not_fit_is_named(http, body, change, field):
    assert refused(http.post("/v1/forecast", json=body | change), 422)["field"] == field


def test_components_need_their_baseline(http):
    document = {"bar_open_time": HOUR, "snapshots": [[0.0] * COMPONENTS] * WINDOW}
    problem = refused(http.post("/v1/forecast", json=document), 422)
    assert problem["field"] == "log_volatility_baseline"
    assert refused(
        http.post("/v1/forecast", json=document | {"snapshots": [[0.0] * COMPONENTS] * 3}), 422
    )["field"] in ("log_volatility_baseline", "snapshots")


def test_the_first_wrong_input_of_a_batch_is_named(http, histories):
    document = batch(histories)
    document["inputs"][3]["snapshots"][50][5] = None
    problem = refused(http.post("/v1/forecasts", json=document), 422)
    assert problem["field"] == "inputs[3].snapshots[50][5] (rsi)"
    document["inputs"][1]["bar_open_time"] = 7
    problem = refused(http.post("/v1/forecasts", json=document), 422)
    assert problem["field"] == "inputs[1].bar_open_time"
    document["inputs"][0] = {
        "bar_open_time": HOUR,
        "snapshots": [[0.0] * COMPONENTS] * WINDOW,
        "log_volatility_baseline": -5.0,
    }
    document["inputs"][1]["bar_open_time"] = HOUR
    problem = refused(http.post("/v1/forecasts", json=document), 422)
    assert problem["field"] == "inputs[1].space"


def spoilt(histories, **changes):
    records = raw_records(histories)
    for name, value in changes.items():
        records[name] = value
    return npy(records)


def renamed(histories):
    records = raw_records(histories)
    return npy(records.view([("time", "<i8"), ("snapshots", "<f8", records.dtype[1].shape)]))


@pytest.mark.parametrize(
    ("make", "status", "field"),
    [
        (lambda h: b"", 400, "body"),
        (lambda h: b"\x93NUMPY\x01\x00\xff\xff{", 400, "body"),
        (lambda h: npy(raw_records(h))[:-8], 422, "body"),
        (lambda h: npy(raw_records(h)) + b"x", 422, "body"),
        (lambda h: npy(h[0]), 422, "body"),
        (lambda h: npy(raw_records(h)[None]), 422, "body"),
        (lambda h: npy(raw_records(h)[:0]), 422, "body"),
        (renamed, 422, "body"),
        (lambda h: spoilt(h, bar_open_time=HOUR + 1), 422, "[0].bar_open_time"),
        (lambda h: spoilt(h, snapshots=np.nan), 422, "[0].snapshots[0][0] (open)"),
        (lambda h: spoilt(h, snapshots=np.inf), 422, "[0].snapshots[0][0] (open)"),
        (lambda h: spoilt(h, snapshots=-1), 422, "[0].snapshots[0][0] (open)"),
        (lambda h: npy(raw_records((h[0][:, :50], h[1]))), 422, "snapshots"),
        (lambda h: npy(raw_records((h[0][:, :, :7], h[1]))), 422, "snapshots[0]"),
        (lambda h: npy(raw_records(h, "<i8")), 422, "snapshots"),
        (lambda h: npy(raw_records(h, "<f2")), 422, "snapshots"),
    ],
)
def test_an_npy_body_that_does_not_fit_is_refused(http, histories, make, status, field):
    answer = http.post("/v1/forecasts", content=make(histories), headers=NPY)
    assert refused(answer, status)["field"] == field


def test_a_pickle_in_an_npy_body_is_not_opened(http):
    content = io.BytesIO()
    np.save(content, np.array([object()]), allow_pickle=True)
    refused(http.post("/v1/forecasts", content=content.getvalue(), headers=NPY), 422)


def test_a_header_that_promises_a_huge_array_costs_nothing(http):
    form = "{'descr': [('bar_open_time', '<i8'), ('snapshots', '<f8', (728, 12))], "
    header = f"{form}'fortran_order': False, 'shape': (999999999999,), }}".ljust(246) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    assert refused(http.post("/v1/forecasts", content=content, headers=NPY), 422)["field"] == "body"


def test_the_reference_network_is_served(start, tmp_path):
    artifact = reference_artifact(tmp_path)
    api = start(settings_of(tmp_path, artifact)).await_serving()
    rows, time = history(artifact.manifest.lookback_bars)
    document = {"bar_open_time": time, "snapshots": nullable(rows)}
    (made,) = forecasts(httpx.post(f"{api.url}/v1/forecast?attention=true", json=document))
    assert len(made.attention) == 64
    (expected,) = Predictor.load(artifact).forecast(rows[None], [time])
    assert made.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
