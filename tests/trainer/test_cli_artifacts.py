"""The commands that read artifacts: list, inspect, verify, trials and how an artifact is named."""

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
from tests.trainer.cli_lab import MODEL, evaluable_artifact, runner, small_artifact

from tradinglab.artifact.store import runs_directory


@pytest.fixture
def run(capsys):
    return runner(capsys)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A volume with two artifacts of one model."""
    volume = tmp_path_factory.mktemp("volume")
    return volume, [evaluable_artifact(volume, seed) for seed in (1, 2)]


@pytest.fixture
def lab(kept, tmp_path):
    """A copy that a test may damage."""
    volume, artifacts = kept
    copy = tmp_path / "volume"
    shutil.copytree(volume, copy)
    return copy, artifacts


def runs(volume):
    return runs_directory(volume, MODEL)


def test_list_has_a_line_for_each_artifact(run, lab):
    volume, artifacts = lab
    status, out, err = run("list", "--volume", volume)
    assert (status, err) == (0, "")
    heading, *lines = out.splitlines()
    assert heading.split()[0] == "version"
    assert {line.split()[0] for line in lines} == {each.version for each in artifacts}
    assert "Unproven" in lines[0]
    assert "+0.0123 [-0.0010, +0.0250]" in lines[0]


def test_list_names_a_broken_artifact_with_the_reason(run, lab):
    volume, artifacts = lab
    (runs(volume) / artifacts[0].version / "golden.npz").unlink()
    status, out, _ = run("list", "--volume", volume)
    assert status == 0
    assert f"{artifacts[0].version}  broken: " in out
    assert "golden.npz is missing" in out
    _, out, _ = run("list", "--volume", volume, "--json")
    document = json.loads(out)
    assert [each["version"] for each in document["artifacts"]] == [artifacts[1].version]
    assert "golden.npz" in document["broken"][0]["reason"]


def test_inspect_tells_identity_gate_metrics_and_files(run, lab):
    volume, (artifact, _) = lab
    status, out, _ = run("inspect", runs(volume) / artifact.version)
    assert status == 0
    for told in (artifact.digest, "binance BTC/USDT 1h", "Unproven", "prior 1.3800", "model.onnx"):
        assert told in out


def test_inspect_shows_a_dash_for_a_metric_that_an_artifact_lacks(run, tmp_path):
    artifact = small_artifact(tmp_path)
    status, out, _ = run("inspect", artifact.path)
    assert status == 0
    assert "log-loss, direction" in out
    assert "–" in out


def test_inspect_gives_the_whole_manifest_to_programs(run, lab):
    volume, (artifact, _) = lab
    _, out, _ = run("inspect", artifact.version, "--volume", volume, "--json")
    document = json.loads(out)
    assert document["digest"] == artifact.digest
    assert document["manifest"]["data"]["end"] == artifact.manifest.data.end


@pytest.mark.parametrize("length", [2, 12, 30, 64])
def test_the_begin_of_a_digest_names_an_artifact(run, lab, length):
    volume, artifacts = lab
    for artifact in artifacts:
        digits = artifact.digest.removeprefix("sha256:")[:length]
        for named in (digits, f"sha256:{digits}"):
            status, out, err = run("inspect", named, "--volume", volume, "--json")
            assert status == 0, err
            assert json.loads(out)["version"] == artifact.version


def test_another_digest_with_the_same_begin_is_refused(run, lab):
    volume, (artifact, _) = lab
    other = artifact.digest[:-1] + ("0" if artifact.digest[-1] != "0" else "1")
    status, _, err = run("inspect", other, "--volume", volume)
    assert status == 2
    assert artifact.digest in err
    assert other in err


def test_latest_is_the_newest_training(run, tmp_path):
    evaluable_artifact(tmp_path, 1, trained_at="2026-02-01T00:00:00Z")
    newest = evaluable_artifact(tmp_path, 2, trained_at="2026-03-01T00:00:00Z")
    _, out, _ = run("inspect", "latest", "--volume", tmp_path, "--json")
    assert json.loads(out)["version"] == newest.version


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("inspect", "20240303t1100-00000000"), "did you mean 20240303t1100-"),
        (("inspect", "ffffff"), "there are the versions 20240303t1100-"),
        (("inspect", "2024"), "give more of it"),
        (("inspect", "latest", "--model", "tests/bct"), "did you mean tests/btc?"),
        (("list", "--model", "nobody/here"), "there are the models tests/btc"),
    ],
)
def test_what_is_unknown_is_answered_with_what_is_near(run, lab, arguments, told):
    volume, _ = lab
    status, out, err = run(*arguments, "--volume", volume)
    assert (status, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_mistyped_directory_is_answered_with_its_neighbours(run, lab):
    volume, (artifact, _) = lab
    status, _, err = run("inspect", runs(volume) / artifact.version[:-2])
    assert status == 2
    assert artifact.version in err


def test_a_model_must_be_chosen_where_there_are_several(run, lab):
    volume, _ = lab
    shutil.copytree(volume / MODEL, volume / "tests" / "eth")
    status, _, err = run("inspect", "latest", "--volume", volume)
    assert status == 2
    assert "the models tests/btc, tests/eth; choose one with --model" in err


def test_verify_accepts_whole_artifacts(run, lab):
    volume, artifacts = lab
    status, out, _ = run("verify", "--all", "--volume", volume, "--model", MODEL)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["ok"] * len(artifacts)


@pytest.mark.parametrize("file", ["model.onnx", "pipeline.json", "golden.npz", "manifest.json"])
def test_verify_names_the_file_that_changed_and_goes_on(run, lab, file):
    volume, artifacts = lab
    damaged = runs(volume) / artifacts[0].version / file
    damaged.write_bytes(damaged.read_bytes() + b" ")
    status, out, _ = run("verify", *(runs(volume) / each.version for each in artifacts))
    assert status == 2
    first, second = out.splitlines()
    assert first.startswith("BROKEN")
    assert file in first
    assert second.startswith("ok")


def test_verify_computes_the_golden_windows_again(run, tmp_path):
    honest = small_artifact(tmp_path / "honest", seed=3)
    other_graph = (small_artifact(tmp_path / "other", seed=4).path / "model.onnx").read_bytes()
    replaced = small_artifact(tmp_path / "volume", seed=3, replaced={"model.onnx": other_graph})
    assert run("verify", honest.path)[0] == 0
    status, out, _ = run("verify", replaced.path)
    assert status == 2
    assert "golden.npz: probabilities differs" in out


def test_verify_needs_to_know_what(run, lab):
    _, (artifact, _) = lab
    for arguments in ((), ("--all",), ("--all", artifact.path)):
        status, _, err = run("verify", *arguments)
        assert status == 2
        assert "--all" in err


def trial(database, job, number, score, finished):
    connection = sqlite3.connect(database)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS trials (job TEXT, trial TEXT, hyperparameters TEXT, "
        "score REAL, data_end INTEGER, seed INTEGER, finished_at TEXT)"
    )
    chosen = json.dumps({"filters": 16 * (number + 1), "learning_rate": 0.00123456})
    connection.execute(
        "INSERT INTO trials VALUES (?, ?, ?, ?, 1704067200000, 7, ?)",
        (job, str(number), chosen, score, finished),
    )
    connection.commit()
    connection.close()


def test_trials_shows_the_latest_run_first_and_its_best_on_top(run, tmp_path):
    home = tmp_path / "lab" / "btc"
    home.mkdir(parents=True)
    for job, number, score, finished in (
        ("old", 0, 0.5, "2026-01-01T00:00:00+00:00"),
        ("new", 0, 0.9, "2026-02-01T00:00:00+00:00"),
        ("new", 1, 0.7, "2026-02-01T01:00:00+00:00"),
    ):
        trial(home / "tuning.db", job, number, score, finished)
    before = (home / "tuning.db").read_bytes()
    _, out, _ = run("trials", "--volume", tmp_path, "--json")
    found = [(each["job"], each["trial"], each["best"]) for each in json.loads(out)["trials"]]
    assert found == [("new", "1", True), ("new", "0", False), ("old", "0", True)]
    status, out, _ = run("trials", "--volume", tmp_path)
    assert status == 0
    assert out.splitlines()[1].split()[:4] == ["best", "new", "1", "0.7000"]
    assert "0.00123" in out
    assert (home / "tuning.db").read_bytes() == before


def test_trials_of_a_torn_database_is_one_clear_line(run, tmp_path):
    home = tmp_path / "lab" / "btc"
    home.mkdir(parents=True)
    (home / "tuning.db").write_bytes(b"no database at all" * 100)
    status, _, err = run("trials", "--volume", tmp_path)
    assert status == 3
    assert "tuning.db: file is not a database" in err


HEAVY = ("numpy", "pandas", "tensorflow", "keras", "sklearn", "onnxruntime", "rich", "ccxt")


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nfrom tradinglab_trainer.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print('imported', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    for arguments in (("--help",), ("evaluate", "--help"), ("train", "--help")):
        ended = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60
        )
        assert ended.stdout.splitlines()[-1] == "imported []", ended.stdout + ended.stderr
        assert "examples:" in ended.stdout


def test_a_reader_that_has_enough_is_no_error(lab):
    volume, _ = lab
    command = [sys.executable, "-m", "tradinglab_trainer.main", "list", "--volume", str(volume)]
    ended = subprocess.run(
        ["bash", "-c", '"$@" --model tests/btc | true; echo ${PIPESTATUS[0]}', "bash", *command],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout.strip() == "0"
    assert ended.stderr == ""
