"""What a TradingModel means, the same in a cluster and on a laptop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.operator.two_adapters import Driver, Here, InCluster

from tradinglab.artifact.manifest import Comparison


@pytest.fixture(params=[InCluster, Here], ids=["cluster", "local"])
def lab(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Driver]:
    monkeypatch.setenv("PYTHONPATH", "")
    driver: Driver = request.param(tmp_path)
    yield driver
    driver.close()


def test_the_first_training_starts_at_once_and_its_artifact_is_served(lab: Driver) -> None:
    lab.apply()
    lab.until(lambda: len(lab.running()) == 1)
    assert lab.running()[0].startswith("btc-initial-")
    assert len(lab.status().conditions) == 6
    digest = lab.train_and_serve()
    lab.until(lambda: lab.condition("Ready") == (True, "Serving"))
    status = lab.status()
    assert status.current is not None and status.current.digest == digest
    assert status.active_job is None and status.last_successful_time is not None
    assert [each.state for each in status.artifacts] == ["Served"]


def test_nothing_is_done_at_rest(lab: Driver) -> None:
    lab.serve_first()
    lab.rest()
    told = lab.status()
    lab.pass_time(minutes=10)
    assert [lab.visit() for _ in range(5)] == [0] * 5
    assert lab.status() == told


def test_a_changed_token_trains_once_and_keeps_the_previous_artifact(lab: Driver) -> None:
    first = lab.serve_first()
    lab.apply(retryToken="again")
    lab.until(lambda: len(lab.running()) == 1)
    second = lab.train_and_serve()
    status = lab.status()
    assert second != first and status.previous is not None
    assert status.previous.digest == first
    lab.rest()
    assert len(lab.jobs()) == 2


def test_a_worse_artifact_is_remembered_and_never_served(lab: Driver) -> None:
    first = lab.serve_first()
    lab.apply(retryToken="again")
    lab.until(lambda: len(lab.running()) == 1)
    lab.train(Comparison.WORSE)
    lab.until(lambda: len(lab.status().rejected) == 1 and not lab.running())
    lab.restart()
    lab.rest()
    assert lab.served() == first
    assert lab.status().rejected[0].reason == "it is worse than the artifact in service"


def test_a_failed_training_is_told_in_its_own_words_and_tried_again_later(lab: Driver) -> None:
    lab.apply()
    lab.until(lambda: len(lab.running()) == 1)
    (name,) = lab.running()
    lab.fail("StorageError", "no space left")
    lab.until(lambda: lab.condition("Degraded") == (True, "StorageError"))
    assert lab.status().last_run is not None
    assert lab.status().last_run.message == "no space left"
    lab.rest()
    assert lab.running() == [], "it backs off"
    lab.pass_time(minutes=2)
    lab.until(lambda: lab.running() == [f"{name}-a2"])
    lab.train_and_serve()
    lab.until(lambda: lab.condition("Degraded") == (False, "AsExpected"))
    assert lab.status().consecutive_failures == 0


def test_an_artifact_that_never_becomes_ready_gives_way_to_the_previous(lab: Driver) -> None:
    first = lab.serve_first()
    lab.apply(retryToken="again")
    lab.until(lambda: len(lab.running()) == 1)
    lab.train()
    lab.until(lambda: lab.served() != first and lab.status().rollout is not None)
    lab.until(lambda: bool(lab.status().rollout and lab.status().rollout.applied))
    bad = lab.served()
    lab.pass_time(minutes=6)
    lab.until(lambda: lab.served() == first)
    lab.become_ready()
    lab.until(lambda: lab.condition("RolledOut")[0])
    lab.restart()
    lab.pass_time(minutes=6)
    lab.rest()
    assert lab.served() == first, "never again unasked"
    assert [each.digest for each in lab.status().rejected] == [bad]


def test_a_pinned_digest_is_served_and_kept(lab: Driver) -> None:
    first = lab.serve_first()
    lab.apply(retryToken="again")
    lab.until(lambda: len(lab.running()) == 1)
    lab.train_and_serve()
    lab.apply(retryToken="again", serving={"deployment": "tradinglab-api", "pinnedDigest": first})
    lab.until(lambda: lab.served() == first)
    lab.become_ready()
    lab.until(lambda: lab.condition("RolledOut") == (True, "PinnedBySpec"))


def test_a_firing_trains_once_even_over_a_restart(lab: Driver) -> None:
    lab.serve_first(schedule={"cron": "0 * * * *"})
    lab.pass_time(hours=1)
    lab.until(lambda: len(lab.running()) == 1)
    assert lab.running()[0].removeprefix("btc-").isdigit()
    lab.restart()
    lab.until(lambda: len(lab.running()) == 1)
    lab.train_and_serve()
    lab.restart()
    lab.rest()
    assert len(lab.jobs()) == 2


def test_a_suspended_schedule_trains_nothing_and_tells_what_was_missed(lab: Driver) -> None:
    lab.serve_first()
    lab.apply(schedule={"cron": "0 * * * *", "startingDeadlineSeconds": 600, "suspend": True})
    lab.rest()
    lab.pass_time(hours=3)
    lab.rest()
    assert len(lab.jobs()) == 1
    assert lab.condition("Scheduled") == (False, "Suspended")
    missed = lab.status().missed
    assert missed is not None and missed.count in (2, 3)
    assert missed.reason == "spec.schedule.suspend is true"
