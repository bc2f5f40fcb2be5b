"""Twenty seeded markets: skill is found where it is, and not where it is shuffled away."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from tests.trainer.seeded_market import oracle_gain, seeded, shuffled, write

SEEDS = range(20)
SPEC = {
    "market": {"symbol": "BTC/USDT", "history": "2y"},
    "training": {
        "epochs": 8, "folds": 2, "repeats": 1,
        "tuning": {"trials": 1, "maxFilters": 32, "maxLstmUnits": 64},
    },
}  # fmt: skip


def verdict_of(seed: int, shuffle: bool, directory: str) -> tuple[int, str, float, float]:
    """One whole training in a process of its own; the verdict, the gain's lower bound, and what an
    oracle of the regime gains."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from tradinglab.resource.spec import TradingModelSpec
    from tradinglab_trainer.progress import Progress
    from tradinglab_trainer.run import Run, execute

    home = Path(directory) / f"{seed}-{shuffle}"
    home.mkdir()
    rows, regimes = seeded(seed)
    file = write(home / "bars.csv", shuffled(rows, seed) if shuffle else rows)
    run = Run(home, "default/m", "job", TradingModelSpec.model_validate(SPEC), bars=file)
    manifest = execute(run, Progress(home / "progress.json")).manifest
    bound = 0.0 if shuffle else oracle_gain(rows, regimes)[0]
    return seed, manifest.gate.verdict.value, manifest.metrics["direction_gain_low"], bound


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The processes started below find this module."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))


def verdicts(shuffle: bool, directory) -> list[str]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context) as pool:
        runs = [pool.submit(verdict_of, seed, shuffle, str(directory)) for seed in SEEDS]
        found = []
        for each in runs:
            seed, verdict, low, bound = each.result()
            print(f"seed {seed}: {verdict}, gain at least {low:+.4f}, oracle {bound:.4f}")
            found.append(verdict)
    return found


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_seeded_markets_are_tradeable(tmp_path):
    assert verdicts(False, tmp_path).count("Tradeable") >= 16


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_shuffled_markets_are_not(tmp_path):
    assert verdicts(True, tmp_path).count("Tradeable") <= 2
