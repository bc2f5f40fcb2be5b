"""`evaluate` and `compare`: what is scored, what counts as evidence, what is refused."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.market_data import synthetic_bars
from tests.trainer.cli_lab import (
    HORIZON,
    bars_file,
    evaluable_artifact,
    runner,
    small_artifact,
)

from tradinglab.features.snapshot import compute_snapshots
from tradinglab.predictor import Predictor
from tradinglab_trainer.commands.evaluation import Evaluated, read_bars

HOUR = 3_600_000
TRAINED = 1500  # bars of every small artifact
LOOKBACK = 728


@pytest.fixture
def run(capsys):
    return runner(capsys)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two artifacts, and bars that go on after their training."""
    directory = tmp_path_factory.mktemp("lab")
    bars = synthetic_bars(3500, 1)
    file = bars_file(directory / "bars.csv.gz", bars)
    return [evaluable_artifact(directory, seed) for seed in (1, 2)], bars, file


def milliseconds(instant):
    return int(pd.Timestamp(instant).timestamp() * 1000)


def test_by_default_every_row_after_the_training_is_scored(run, lab):
    (artifact, _), bars, file = lab
    status, out, err = run("evaluate", artifact.path, "--bars", file)
    assert (status, err) == (0, "")
    document = json.loads(out)
    rows, end = document["rows"], artifact.manifest.data.end
    assert milliseconds(rows["first"]) == end + (HORIZON + 1) * HOUR
    assert milliseconds(rows["last"]) == int(bars.index[-1]) - HORIZON * HOUR
    assert rows["count"] == rows["out_of_sample"] == len(bars) - TRAINED - 2 * HORIZON
    assert document["is_evidence"]
    assert document["artifact"]["digest"] == artifact.digest
    assert document["metrics"]["rows"] == rows["count"]
    for name in ("gain_low", "log_loss_logit", "ece_null", "qlike_har", "net_return"):
        assert np.isfinite(document["metrics"][name])


def test_the_forecasts_scored_are_those_that_are_served(lab):
    (artifact, _), bars, file = lab
    evaluated = Evaluated.of(artifact, read_bars(file, artifact.manifest))
    rows = np.array([LOOKBACK, 1600, 2400])
    scored = evaluated.scored(rows)
    snapshots = compute_snapshots(bars).to_numpy()
    histories = np.stack([snapshots[row - LOOKBACK + 1 : row + 1] for row in rows])
    served = Predictor.load(artifact).outputs(histories)
    assert scored.probabilities == pytest.approx(served.probabilities, abs=1e-5)
    assert scored.volatility == pytest.approx(served.log_volatility, abs=1e-5)


def test_batches_do_not_change_the_scores(lab, monkeypatch):
    (artifact, _), _, file = lab
    evaluated = Evaluated.of(artifact, read_bars(file, artifact.manifest))
    rows = evaluated.rows(0, 2**62)
    whole = evaluated.scored(rows)
    monkeypatch.setattr("tradinglab_trainer.commands.evaluation.BATCH_ROWS", 100)
    parts = evaluated.scored(rows)
    assert np.array_equal(parts.rows, whole.rows)
    assert parts.probabilities == pytest.approx(whole.probabilities, abs=1e-6)


def test_rows_it_was_trained_on_are_called_no_evidence(run, lab):
    (artifact, _), _, file = lab
    status, out, err = run("evaluate", artifact.path, "--bars", file, "--in-sample")
    assert status == 0
    document = json.loads(out)
    rows = document["rows"]
    assert not document["is_evidence"]
    assert rows["in_sample"] > 0
    assert rows["in_sample"] + rows["out_of_sample"] == rows["count"]
    assert "no evidence" in err
    assert any("no evidence" in note for note in document["notes"])


def test_bars_that_end_before_the_training_did_are_refused(run, lab, tmp_path):
    artifacts, bars, _ = lab
    artifact = artifacts[0]
    shifted = bars.copy()
    shifted.index -= 3000 * HOUR
    old = bars_file(tmp_path / "old.csv", shifted)
    status, out, err = run("evaluate", artifact.path, "--bars", old)
    assert (status, out) == (2, "")
    assert "trained up to 2024-03-03 11:00" in err
    assert "--in-sample" in err


def test_a_range_of_dates_includes_its_last_day(run, lab):
    (artifact, _), _, file = lab
    status, out, err = run(
        "evaluate", artifact.path, "--bars", file, "--since", "2024-04-01", "--until", "2024-04-10"
    )
    assert status == 0
    rows = json.loads(out)["rows"]
    assert rows["first"] == "2024-04-01T00:00:00+00:00"
    assert rows["last"] == "2024-04-10T23:00:00+00:00"
    assert rows["count"] == 240
    assert "20 independent observations" in err


@pytest.mark.parametrize(
    ("dates", "told"),
    [
        (("--since", "2024-13-01"), "'2024-13-01' is no date"),
        (("--since", "2024-04-02", "--until", "2024-04-01"), "--until is 2024-04-01 23:59"),
        (("--since", "2030-01-01"), "no bar in the range may be forecast"),
    ],
)
def test_dates_that_hold_nothing_are_refused(run, lab, dates, told):
    (artifact, _), _, file = lab
    status, out, err = run("evaluate", artifact.path, "--bars", file, *dates)
    assert (status, out) == (2, "")
    assert told in err


def test_an_artifact_without_baselines_is_too_old(run, lab, tmp_path):
    _, _, file = lab
    status, _, err = run("evaluate", small_artifact(tmp_path).path, "--bars", file)
    assert status == 2
    assert "too old to be evaluated" in err


def test_other_definitions_of_the_features_are_refused(run, lab, tmp_path):
    _, _, file = lab
    artifact = evaluable_artifact(tmp_path, specification_sha256="0" * 64)
    status, _, err = run("evaluate", artifact.path, "--bars", file)
    assert status == 2
    assert "other definitions" in err


def test_torn_bars_are_named_by_line_and_column(run, lab, tmp_path):
    (artifact, _), bars, _ = lab
    torn = bars.copy()
    torn.iloc[41, torn.columns.get_loc("high")] = -1.0
    status, _, err = run("evaluate", artifact.path, "--bars", bars_file(tmp_path / "t.csv", torn))
    assert status == 2
    assert "t.csv, line 43, column high" in err


def test_compare_without_bars_shows_both_side_by_side_and_calls_it_no_test(run, lab):
    (first, second), _, _ = lab
    status, out, _ = run("compare", first.path, second.path)
    assert status == 0
    assert first.version in out
    assert second.version in out
    assert "no test" in out
    assert "same market, features and labels: yes" in out


def test_compare_tests_both_on_the_same_rows(run, lab):
    (first, second), bars, file = lab
    status, out, _ = run("compare", first.path, second.path, "--bars", file, "--json")
    assert status == 0
    found = json.loads(out)["on_bars"]
    assert found["is_evidence"]
    assert found["rows"]["count"] == len(bars) - TRAINED - 2 * HORIZON
    direction, volatility = found["tests"]
    assert direction["what"] == "direction"
    assert direction["mean_a"] == pytest.approx(found["metrics"]["direction_log_loss"]["a"])
    assert direction["mean_b"] == pytest.approx(found["metrics"]["direction_log_loss"]["b"])
    assert direction["p_b_is_better"] + direction["p_b_is_worse"] == pytest.approx(1)
    assert volatility["mean_a"] == pytest.approx(found["metrics"]["qlike"]["a"])


def test_compare_is_antisymmetric(run, lab):
    (first, second), _, file = lab
    tests = []
    for a, b in ((first, second), (second, first)):
        _, out, _ = run("compare", a.path, b.path, "--bars", file, "--json")
        tests.append(json.loads(out)["on_bars"]["tests"][0])
    opposite = {"Better": "Worse", "Worse": "Better", "Inconclusive": "Inconclusive"}
    assert tests[0]["b_is"] == opposite[tests[1]["b_is"]]
    assert tests[0]["p_b_is_better"] == pytest.approx(tests[1]["p_b_is_worse"])


def test_an_artifact_is_not_better_than_itself(run, lab):
    (first, _), _, file = lab
    status, out, _ = run("compare", first.path, first.path, "--bars", file)
    assert status == 0
    assert "direction: no difference shown between A and B" in out


def test_compare_on_training_data_says_so(run, lab):
    (first, second), _, file = lab
    _, out, _ = run("compare", first.path, second.path, "--bars", file, "--since", "2024-02-10")
    assert "NO EVIDENCE" in out


def test_compare_waits_for_the_later_training(run, lab, tmp_path):
    (first, _), bars, file = lab
    data = first.manifest.data.model_copy(update={"end": int(bars.index[2000])})
    later = evaluable_artifact(tmp_path, 2, data=data)
    _, out, _ = run("compare", first.path, later.path, "--bars", file, "--json")
    rows = json.loads(out)["on_bars"]["rows"]
    assert milliseconds(rows["first"]) == data.end + (HORIZON + 1) * HOUR


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"symbol": "ETH/USDT"}, "has market"),
        ({"horizon": HORIZON + 1}, "has horizon 12"),
    ],
)
def test_artifacts_that_forecast_something_else_are_not_tested(run, lab, tmp_path, changed, told):
    (first, _), _, file = lab
    if "horizon" in changed:
        decision = first.manifest.decision.model_copy(update={"horizon_bars": changed["horizon"]})
        changed = {"decision": decision}
    other = evaluable_artifact(tmp_path, 2, **changed)
    status, _, err = run("compare", first.path, other.path, "--bars", file)
    assert status == 2
    assert told in err


def test_dates_without_bars_are_refused(run, lab):
    (first, second), _, _ = lab
    status, _, err = run("compare", first.path, second.path, "--since", "2024-02-10")
    assert status == 2
    assert "need --bars" in err


def test_the_words_of_a_test_follow_its_outcome(lab):
    from tradinglab.artifact.manifest import Comparison
    from tradinglab_trainer.commands.fair_test import LossTest

    rng = np.random.default_rng(0)
    a = rng.normal(1.0, 0.1, 2000)
    better = LossTest.of("direction", "log-loss", a, a - 0.2 + rng.normal(0, 0.05, 2000), HORIZON)
    assert better.b_is is Comparison.BETTER
    assert "B is better than A" in better.in_words()
    worse = replace(better, b_is=Comparison.WORSE)
    assert "B is worse than A" in worse.in_words()
