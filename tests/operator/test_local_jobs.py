"""Trainings as local children, with the real trainer program refusing or being stopped."""

import io
import time
from pathlib import Path

from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.failures import ended_with, told_by_trainer
from tradinglab_operator.local.child import end_all
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.jobs import LocalJobs
from tradinglab_operator.local.story import Story
from tradinglab_operator.manifest_file import NamedSpec
from tradinglab_operator.situation import Run, RunPhase
from tradinglab_operator.volume import Volume

SPEC = TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}})
MANIFEST = NamedSpec("default", "demo", SPEC)
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


def jobs_in(path: Path) -> LocalJobs:
    home = Home.claim(path)
    home.apply(MANIFEST)
    home.volume.mkdir(exist_ok=True)
    home.jobs.mkdir(exist_ok=True)
    jobs = LocalJobs(home, Volume(home.volume), Story(io.StringIO()), NOWHERE)
    jobs.load()
    return jobs


def only_run(jobs: LocalJobs) -> Run:
    (run,) = jobs.runs("default/demo")
    return run


def test_a_training_that_cannot_fetch_bars_fails_with_its_own_words(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    model = jobs.home.model(MANIFEST)
    jobs.start("demo-1", "")
    until = time.monotonic() + 120
    try:
        while only_run(jobs).phase is RunPhase.ACTIVE:
            assert time.monotonic() < until
            jobs.step(model)
            time.sleep(0.1)
    finally:
        end_all(jobs.children())
    run = only_run(jobs)
    assert (run.phase, run.reason) == (RunPhase.FAILED, "ExchangeUnavailable")
    assert "127.0.0.1" in run.message
    jobs.start("demo-1", "")
    assert only_run(jobs).phase is RunPhase.FAILED, "one cause is run once"


def test_an_interrupted_training_goes_on_under_its_name(tmp_path: Path) -> None:
    first = jobs_in(tmp_path)
    first.start("demo-1", "")
    first.step(first.home.model(MANIFEST))
    assert len(first.children()) == 1
    end_all(first.children())
    first.home.release()
    again = jobs_in(tmp_path)
    assert only_run(again).phase is RunPhase.ACTIVE
    again.step(again.home.model(MANIFEST))
    try:
        assert len(again.children()) == 1
    finally:
        end_all(again.children())


def test_a_training_over_its_deadline_is_stopped(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    model = jobs.home.model(MANIFEST)
    jobs.start("demo-1", "")
    jobs.step(model)
    jobs._deadline = time.monotonic() - 1
    jobs.step(model)
    assert jobs.children() == []
    assert only_run(jobs).reason == "DeadlineExceeded"


def test_ended_records_are_kept_up_to_a_limit(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    for number in range(15):
        name = f"demo-{number:02}"
        jobs.start(name, "")
        jobs._record(name, phase=RunPhase.FAILED.value)
    assert len(list(jobs.home.jobs.glob("*.json"))) <= 11
    assert jobs.runs("default/demo")[-1].name == "demo-14"


def test_how_a_process_ended_is_told_in_words() -> None:
    assert ended_with(-9, "").reason == "Killed"
    assert ended_with(70, "KeyError").message == "it ended with status 70: KeyError"
    assert told_by_trainer("Traceback") is None
    assert told_by_trainer('{"reason": "no word", "message": "x"}') is None
