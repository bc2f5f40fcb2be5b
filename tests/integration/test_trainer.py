"""The trainer as its Job runs it: real exchange over sockets, real TensorFlow, real disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.exchange.running import exchange

from tradinglab.artifact.store import load_artifact, runs_directory, scan_artifacts
from tradinglab.predictor import Predictor

MODEL = "default/btc-usdt"
TRAINING = {"epochs": 2, "folds": 1, "tuning": {"trials": 1, "maxMinutes": 1}}
SPEC = {"market": {"symbol": "BTC/USDT", "history": "150d"}, "training": TRAINING}


def environment(volume, rest_url, spec=SPEC, job="job-1", **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TRADINGLAB_")}
    settings = {
        "VOLUME": volume, "MODEL": MODEL, "JOB": job, "SPEC": json.dumps(spec),
        "EXCHANGE_REST_URL": rest_url, "TERMINATION_LOG": f"{volume}.termination", **more,
    }  # fmt: skip
    return clean | {f"TRADINGLAB_{name}": str(value) for name, value in settings.items()}


def run_trainer(volume, rest_url, **more):
    return subprocess.run(
        [sys.executable, "-m", "tradinglab_trainer.main", "train"],
        env=environment(volume, rest_url, **more), capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def termination(volume):
    return json.loads(Path(f"{volume}.termination").read_text())


@pytest.fixture(scope="module")
def market():
    with exchange(source="seeded", history_bars=4000) as program:
        yield program


def test_a_run_is_killed_then_the_next_one_stores_an_artifact(market, tmp_path):
    volume = tmp_path / "volume"
    process = subprocess.Popen(
        [sys.executable, "-m", "tradinglab_trainer.main", "train"],
        env=environment(volume, market.rest), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    progress = volume / MODEL / "progress" / "job-1.json"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and '"stage": "folds"' not in (
        progress.read_text() if progress.exists() else ""
    ):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    runs = runs_directory(volume, MODEL)
    assert scan_artifacts(runs) == ([], [])

    finished = run_trainer(volume, market.rest)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (artifact,), refused = scan_artifacts(runs)
    assert refused == []
    assert json.loads(progress.read_text())["percent"] == 100
    assert artifact.manifest.data.bars == 150 * 24
    assert artifact.manifest.gate.servable
    predictor = Predictor.load(load_artifact(runs, artifact.digest))
    predictor.verify_golden()
    assert "trained version=" in finished.stdout


@pytest.mark.parametrize(
    ("spec", "reason", "told"),
    [
        ({"market": {"symbol": "ABC/XYZ"}}, "ConfigurationError", "market.symbol ABC/XYZ"),
        ({"market": {"symbol": "BTC/USDT", "histroy": "1y"}}, "ConfigurationError", "histroy"),
    ],
)
def test_wrong_input_is_named_and_ends_with_status_2(market, tmp_path, spec, reason, told):
    finished = run_trainer(tmp_path / "volume", market.rest, spec=spec)
    assert finished.returncode == 2, finished.stdout
    said = termination(tmp_path / "volume")
    assert said["reason"] == reason
    assert told in said["message"]


def test_a_market_too_young_is_told_with_what_is_needed(tmp_path):
    with exchange(source="seeded", history_bars=1000) as young:
        finished = run_trainer(tmp_path / "volume", young.rest)
    assert finished.returncode == 2
    said = termination(tmp_path / "volume")
    assert said["reason"] == "DataError"
    assert "bars, expected at least 2308" in said["message"]


def test_an_exchange_that_is_down_is_told_and_ends_with_status_3(tmp_path):
    finished = run_trainer(tmp_path / "volume", "http://127.0.0.1:9")
    assert finished.returncode == 3
    assert termination(tmp_path / "volume")["reason"] == "ExchangeUnavailable"


@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk needs a mount, which needs root")
def test_a_full_disk_is_told_and_the_next_attempt_works(market, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", volume], check=True)
    try:
        finished = run_trainer(volume, market.rest)
        assert finished.returncode == 3, finished.stdout
        said = termination(volume)
        assert said["reason"] == "StorageError"
        assert "full" in said["message"]
        subprocess.run(["mount", "-o", "remount,size=64m", volume], check=True)
        assert run_trainer(volume, market.rest).returncode == 0
        assert len(scan_artifacts(runs_directory(volume, MODEL))[0]) == 1
    finally:
        subprocess.run(["umount", volume], check=True)
