"""A training is killed at each kind of its writes; the next run ends with the same artifact."""

import hashlib
import json
import os
import signal
import subprocess
import sys

import pytest
from tests.trainer.seeded_market import seeded, write

from tradinglab.artifact.store import runs_directory, scan_artifacts
from tradinglab.predictor import GOLDEN_FILE, GRAPH_FILE, PIPELINE_FILE

MODEL = "default/m"
SPEC = {
    "market": {"symbol": "BTC/USDT", "history": "150d"},
    "training": {
        "epochs": 2, "folds": 1, "repeats": 1,
        "tuning": {"trials": 2, "maxFilters": 16, "maxLstmUnits": 16},
    },
}  # fmt: skip


def run(volume, bars, kill_at=0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRADINGLAB_")} | {
        "TRADINGLAB_VOLUME": str(volume), "TRADINGLAB_MODEL": MODEL, "TRADINGLAB_JOB": "job-1",
        "TRADINGLAB_SPEC": json.dumps(SPEC), "TRADINGLAB_BARS": str(bars),
    }  # fmt: skip
    counted = volume.parent / "writes"
    command = [sys.executable, "-m", "tests.trainer.killed_run", str(kill_at), str(counted)]
    done = subprocess.run(
        [*command, "train"], env=environment, capture_output=True, text=True, timeout=240
    )
    return done, counted


def trained(volume):
    """What the model is, to the bit; the manifest also tells when."""
    (artifact,), refused = scan_artifacts(runs_directory(volume, MODEL))
    assert refused == []
    return [
        hashlib.sha256((artifact.path / name).read_bytes()).hexdigest()
        for name in (GRAPH_FILE, PIPELINE_FILE, GOLDEN_FILE)
    ], artifact.manifest.metrics


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    return write(tmp_path_factory.mktemp("bars") / "bars.csv", seeded(3, 4000)[0])


def kill_and_resume(bars, home, kill_at, expected):
    volume = home / "volume"
    volume.mkdir(parents=True)
    killed, _ = run(volume, bars, kill_at)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    found, refused = scan_artifacts(runs_directory(volume, MODEL))
    assert len(found) <= 1
    assert refused == []
    finished, _ = run(volume, bars)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert trained(volume) == expected


def reference(bars, home):
    """What an undisturbed run makes, and the writes that it did."""
    volume = home / "undisturbed" / "volume"
    volume.mkdir(parents=True)
    finished, counted = run(volume, bars)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return trained(volume), counted.read_text().splitlines()


def firsts(writes):
    """The first write of every kind, counted from 1: a kind is an operation on a name."""
    kinds: dict[str, int] = {}
    for number, each in enumerate(writes, 1):
        kinds.setdefault(each, number)
    return list(kinds.values())


def test_a_run_killed_while_it_stores_ends_with_the_same_artifact(bars, tmp_path):
    expected, writes = reference(bars, tmp_path)
    manifest = max(i for i, each in enumerate(writes, 1) if each == "open manifest.json")
    kill_and_resume(bars, tmp_path / "killed", manifest, expected)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_a_run_killed_at_any_kind_of_write_ends_with_the_same_artifact(bars, tmp_path):
    expected, writes = reference(bars, tmp_path)
    points = firsts(writes)
    print(f"{len(writes)} writes of {len(points)} kinds")
    for point in points:
        print(f"killed at write {point}: {writes[point - 1]}")
        kill_and_resume(bars, tmp_path / str(point), point, expected)
