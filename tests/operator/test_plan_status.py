"""What the status shows a person: the artifacts, the training's progress, the missed firings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradinglab.artifact.manifest import Comparison
from tradinglab.resource.status import MAX_ARTIFACTS
from tradinglab_operator.situation import RunPhase

SUNDAY = datetime(2024, 1, 7, 3, 0, tzinfo=UTC)  # the first firing after the world's start


def scheduled(world: Any) -> tuple[str, str]:
    found = next(each for each in world.status.conditions if each.type == "Scheduled")
    return found.reason, found.message


def states(world: Any) -> list[tuple[str, str]]:
    return [(each.version, each.state.value) for each in world.status.artifacts]


def test_every_artifact_is_listed_with_what_became_of_it(world: Any) -> None:
    world.serving_first()
    for letter, comparison in (("b", Comparison.BETTER), ("c", Comparison.WORSE)):
        world.pass_time(hours=1)
        world.add_artifact(letter, comparison=comparison)
        world.settle()
        world.roll()
    assert states(world) == [("v-c", "Rejected"), ("v-b", "Served"), ("v-a", "Previous")]
    assert world.status.artifacts[0].reason == "it is worse than the artifact in service"
    assert {each.verdict for each in world.status.artifacts} == {"Unproven"}


def test_the_list_of_artifacts_is_bounded_and_leaves_out_what_is_removed(world: Any) -> None:
    world.change(storage={"keep": 50})
    for each in range(MAX_ARTIFACTS + 5):
        world.pass_time(hours=1)
        world.add_artifact(chr(ord("a") + each), comparison=Comparison.WORSE)
    world.settle()
    assert len(world.status.artifacts) == MAX_ARTIFACTS
    assert world.status.artifacts[0].version == "v-o"
    world.change(storage={"keep": 2})
    world.settle()
    assert [each.version for each in world.status.artifacts] == ["v-o", "v-n"]


def test_a_missing_volume_leaves_the_list_as_it_was_told(world: Any) -> None:
    world.serving_first()
    world.volume_problem = "volume /models is not mounted"
    world.settle()
    assert states(world) == [("v-a", "Served")]


def test_the_estimated_end_is_shown_with_stage_trial_and_percent(world: Any) -> None:
    world.settle()
    (name,) = world.active
    end = world.now + timedelta(minutes=40)
    world.runs[name] = replace(
        world.runs[name],
        stage="tuning",
        percent=24.6,
        detail="trial 3/12 epoch 4",
        estimated_end=end,
    )
    world.settle()
    job = world.status.active_job
    assert (job.progress, job.detail, job.estimated_end) == (
        "tuning 24%",
        "trial 3/12 epoch 4",
        end,
    )
    writes = world.status_writes
    world.runs[name] = replace(world.runs[name], estimated_end=end + timedelta(seconds=7))
    world.settle()
    assert world.status_writes == writes, "another estimate alone is not worth a write"


def test_progress_ends_when_the_artifact_is_stored_though_the_process_lingers(world: Any) -> None:
    world.settle()
    (name,) = world.active
    world.runs[name] = replace(world.runs[name], stage="storing", percent=100.0)
    world.add_artifact("a", job=name)
    world.settle()
    world.roll()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.status.active_job is None
    assert world.condition("Training") == ("False", "Succeeded")
    world.pass_time(minutes=1)
    world.runs[name] = replace(world.runs[name], phase=RunPhase.SUCCEEDED, finished_at=world.now)
    world.settle()
    assert world.events.count("TrainingSucceeded") == 1


def test_a_process_that_dies_after_it_stored_its_artifact_did_not_fail(world: Any) -> None:
    world.settle()
    (name,) = world.active
    world.add_artifact("a", job=name)
    world.settle()
    world.end_run(reason="OOMKilled", message="too late")
    world.settle()
    assert world.status.consecutive_failures == 0
    assert "TrainingFailed" not in world.events


def test_nothing_else_starts_while_the_process_lingers(world: Any) -> None:
    world.settle()
    (name,) = world.active
    world.add_artifact("a", job=name)
    world.change(retryToken="again")
    world.settle()
    assert list(world.runs) == [name]


def test_a_firing_that_passed_its_deadline_is_told_once_and_until_the_next_run(world: Any) -> None:
    world.serving_first()
    world.now = SUNDAY + timedelta(hours=2)  # the deadline is an hour
    world.settle()
    reason, message = scheduled(world)
    assert reason == "FiringMissed"
    assert "scheduled for 2024-01-07 03:00 UTC was missed: nothing started it within" in message
    for _ in range(3):
        world.pass_time(hours=1)
        assert world.reconciler.visit() == 0, "told once"
    assert world.events.count("FiringMissed") == 1
    world.now = SUNDAY + timedelta(days=7, minutes=1)
    world.settle()
    world.settle()
    assert scheduled(world)[0] == "Waiting"


def test_a_firing_that_passes_while_suspended_says_so(world: Any) -> None:
    world.serving_first()
    world.change(schedule={"suspend": True})
    world.settle()
    world.now = SUNDAY + timedelta(hours=2)
    world.settle()
    reason, message = scheduled(world)
    assert reason == "Suspended"
    assert message.endswith("was missed: spec.schedule.suspend is true")
    assert world.events.count("FiringMissed") == 1


def test_three_days_down_run_the_latest_firing_and_tell_the_others(world: Any) -> None:
    world.serving_first()
    world.change(schedule={"cron": "0 3 * * *"})
    world.settle()
    world.now = datetime(2024, 1, 8, 3, 30, tzinfo=UTC)
    world.settle()
    assert len(world.active) == 1, "the latest is made up for"
    assert world.events.count("FiringMissed") == 1
    assert world.status.missed is None or world.status.missed.count == 4


def test_a_firing_during_another_training_says_which(world: Any) -> None:
    world.serving_first()
    world.now = SUNDAY - timedelta(minutes=5)
    world.change(retryToken="now")
    world.settle()
    (name,) = world.active
    world.now = SUNDAY + timedelta(hours=2)
    world.settle()
    assert scheduled(world)[1].endswith(f"was missed: training {name} ran")


@pytest.mark.parametrize("cron", ["0 6 * * *", "*/5 * * * *"])
def test_a_changed_schedule_has_missed_nothing_yet(world: Any, cron: str) -> None:
    world.serving_first()
    world.pass_time(hours=20)
    world.change(schedule={"cron": cron, "startingDeadlineSeconds": 60})
    world.settle()
    assert "FiringMissed" not in world.events


def test_a_lost_status_has_missed_nothing(world: Any) -> None:
    world.serving_first()
    world.now = SUNDAY + timedelta(days=40, hours=5)
    world.status = type(world.status)()
    world.settle()
    assert "FiringMissed" not in world.events


def test_a_dense_schedule_that_is_suspended_is_told_once_and_then_left_alone(world: Any) -> None:
    world.change(schedule={"cron": "* * * * *", "startingDeadlineSeconds": 10, "suspend": True})
    world.serving_first()
    world.pass_time(minutes=5)
    world.settle()
    writes = world.status_writes
    for _ in range(20):
        world.pass_time(minutes=1)
        assert world.reconciler.visit() == 0
    assert world.status_writes == writes
    assert world.events.count("FiringMissed") == 1


def test_firings_missed_one_after_the_other_during_a_training_are_one_event(world: Any) -> None:
    world.serving_first()
    world.change(schedule={"cron": "* * * * *", "startingDeadlineSeconds": 10})
    world.pass_time(minutes=1)
    world.settle()
    assert len(world.active) == 1
    for _ in range(20):
        world.pass_time(minutes=1)
        world.settle()
    assert world.events.count("FiringMissed") == 1
    assert world.status.missed.count >= 18
