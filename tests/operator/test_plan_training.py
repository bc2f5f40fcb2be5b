"""Which trainings start, when, and what becomes of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradinglab_operator.actions import StartTraining, WriteStatus
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.situation import Run, RunPhase

SUNDAY = datetime(2024, 1, 7, 3, 0, tzinfo=UTC)


def test_a_model_without_an_artifact_trains_at_once(world: Any) -> None:
    world.reconciler.visit()
    assert world.active == ["btc-initial-0123abcd"]
    assert world.champions == [""]


def test_every_condition_has_a_reason_from_the_first_visit(world: Any) -> None:
    world.reconciler.visit()
    assert len(world.status.conditions) == 6
    assert all(each.reason for each in world.status.conditions)
    assert world.condition("Ready") == ("False", "NoArtifact")
    assert world.status.observed_generation == 1


def test_a_running_training_is_shown_and_written_only_at_whole_percents(world: Any) -> None:
    world.settle()
    name = world.active[0]
    for percent, stage in ((12.2, "folds"), (12.9, "folds"), (13.0, "folds")):
        world.runs[name] = Run(name, RunPhase.ACTIVE, world.now, stage=stage, percent=percent)
        world.settle()
        if percent == 12.2:
            assert world.status.active_job.progress == "folds 12%"
            writes = world.status_writes
        elif percent == 12.9:
            assert world.status_writes == writes
    assert world.status_writes == writes + 1
    assert world.condition("Training") == ("True", "JobRunning")


def test_an_idle_model_is_not_written(world: Any) -> None:
    world.serving_first()
    writes, applied = world.status_writes, world.applied
    for _ in range(120):
        world.pass_time(seconds=5)
        world.reconciler.visit()
    assert (world.status_writes, world.applied) == (writes, applied)


def test_the_scheduled_training_is_named_by_its_minute_and_runs_once(world: Any) -> None:
    world.serving_first()
    world.now = SUNDAY - timedelta(seconds=1)
    world.settle()
    assert world.active == []
    world.now = SUNDAY
    world.settle()
    assert world.active == [f"btc-{int(SUNDAY.timestamp()) // 60}"]
    assert world.champions[-1] == "sha256:" + "a" * 64
    assert world.status.last_schedule_time == SUNDAY
    world.end_run("b")
    world.settle()
    assert world.active == []
    assert world.status.next_schedule_time == SUNDAY + timedelta(days=7)


def test_after_three_days_down_at_most_one_training_catches_up(world: Any) -> None:
    world.change(schedule={"cron": "0 * * * *"})
    world.serving_first()
    world.pass_time(days=3, minutes=1)
    world.settle()
    assert len(world.active) == 1
    world.end_run("b")
    world.settle()
    assert world.active == []


def test_a_suspended_schedule_starts_nothing_and_says_so(world: Any) -> None:
    world.change(schedule={"suspend": True})
    world.serving_first()
    world.now = SUNDAY
    world.settle()
    assert world.active == []
    assert world.condition("Scheduled") == ("False", "Suspended")
    assert world.status.next_schedule_time is None


def test_an_impossible_schedule_is_told_and_does_not_stop_the_first_training(world: Any) -> None:
    world.change(schedule={"timeZone": "Mars/Olympus"})
    world.settle()
    assert world.condition("Scheduled") == ("False", "InvalidSchedule")
    assert world.condition("Degraded") == ("True", "InvalidSchedule")
    assert world.active == ["btc-initial-0123abcd"]


def test_a_changed_retry_token_trains_once(world: Any) -> None:
    world.serving_first()
    world.change(retryToken="again")
    world.settle()
    first = world.active
    assert len(first) == 1
    assert first[0].startswith("btc-retry-")
    world.end_run("b")
    world.settle()
    world.roll()
    assert world.active == []
    assert world.status.retry_token == "again"


def test_a_token_used_before_trains_again_under_another_name(world: Any) -> None:
    world.serving_first()
    names = []
    for token in ("x", "y", "x"):
        world.change(retryToken=token)
        world.settle()
        names += world.active
        world.end_run()
        world.add_artifact(f"{len(names)}", job=names[-1])
        world.settle()
        world.roll()
    assert len(set(names)) == 3
    assert names[2] == names[0] + "-a2"


def test_a_resource_created_with_a_token_trains_only_its_first(world: Any) -> None:
    world.change(retryToken="from the start")
    world.serving_first()
    assert list(world.runs) == ["btc-initial-0123abcd"]
    assert world.status.retry_token == "from the start"


def test_a_token_changed_during_a_training_waits_for_its_end(world: Any) -> None:
    world.settle()
    world.change(retryToken="now")
    world.settle()
    assert world.active == ["btc-initial-0123abcd"]
    world.end_run("a")
    world.settle()
    assert world.active[0].startswith("btc-retry-")


def test_a_failed_training_is_told_and_tried_again_later_and_later(world: Any) -> None:
    world.settle()
    waits = []
    for failure in range(1, 5):
        world.end_run(reason="DataError", message="bar 5: high is 0")
        world.settle()
        assert world.status.consecutive_failures == failure
        assert world.active == []
        assert world.condition("Degraded") == ("True", "DataError")
        assert world.condition("Training") == ("False", "BackingOff")
        waits.append((world.status.next_attempt_time - world.now).total_seconds())
        world.now = world.status.next_attempt_time
        world.settle()
        assert world.active == [f"btc-initial-0123abcd-a{failure + 1}"]
    assert waits == [60, 120, 240, 480]
    world.end_run("a")
    world.settle()
    world.roll()
    assert world.status.consecutive_failures == 0
    assert world.condition("Degraded") == ("False", "AsExpected")


@pytest.mark.parametrize("changes", [{"retryToken": "go"}, {"training": {"epochs": 5}}])
def test_a_persons_change_ends_the_waiting(world: Any, changes: dict[str, Any]) -> None:
    world.settle()
    world.end_run(reason="DataError", message="too few")
    world.settle()
    world.change(**changes)
    world.settle()
    assert len(world.active) == 1


def test_a_deleted_job_counts_as_failed(world: Any) -> None:
    world.settle()
    world.runs.clear()
    world.settle()
    assert world.status.last_run.reason == "JobGone"
    assert world.status.active_job is None


def test_a_job_cleared_away_after_it_made_its_artifact_counts_as_good(world: Any) -> None:
    world.settle()
    world.add_artifact("a", job=world.active[0])
    world.runs.clear()
    world.settle()
    assert world.status.last_run.outcome == "Succeeded"


def test_an_artifact_may_be_listed_late(world: Any) -> None:
    world.settle()
    run = world.end_run()
    world.settle()
    assert world.active == [] and world.status.last_run is None
    world.pass_time(seconds=60)
    world.add_artifact("a", job=run.name)
    world.settle()
    assert world.status.last_run.outcome == "Succeeded"


def test_a_training_that_leaves_no_artifact_failed(world: Any) -> None:
    world.settle()
    world.end_run()
    world.pass_time(seconds=121)
    world.settle()
    assert world.status.last_run.reason == "NoArtifact"


def test_a_missing_volume_starts_nothing_and_forgets_nothing(world: Any) -> None:
    world.serving_first()
    world.volume_problem = "/volume is not mounted"
    world.now = SUNDAY
    world.settle()
    assert world.active == []
    assert world.condition("ArtifactValid") == ("False", "VolumeUnavailable")
    assert world.status.current.version == "v-a"
    assert world.digest == "sha256:" + "a" * 64
    world.volume_problem = ""
    world.settle()
    assert len(world.active) == 1


def test_what_the_api_server_refuses_becomes_a_condition_and_is_tried_again(world: Any) -> None:
    world.trouble_with = StartTraining
    for _ in range(3):
        world.reconciler.visit()
    assert world.condition("Degraded") == ("True", "Forbidden")
    writes = world.status_writes
    world.reconciler.visit()
    assert world.status_writes == writes
    world.trouble_with = None
    world.settle()
    assert len(world.active) == 1
    assert world.condition("Degraded") == ("False", "AsExpected")


def both_of(first: Any, second: Any) -> Reconciler:
    """Two models of one release, each in its own world; the second is the younger."""

    class Both:
        def observe(self) -> Any:
            theirs = second.observe()[0]
            model = replace(theirs.model, name="eth", uid="99999999")
            return [*first.observe(), replace(theirs, model=model)]

        def apply(self, model: Any, action: Any) -> None:
            (first if model.name == "btc" else second).apply(model, action)

    return Reconciler(Both(), clock=lambda: first.now)


def test_a_second_model_waits_for_the_training_of_the_first(new_world: Any) -> None:
    first, second = new_world(), new_world()
    second.change(serving={"deployment": "eth-api"})
    both = both_of(first, second)
    both.visit()
    both.visit()
    assert first.active == ["btc-initial-0123abcd"] and second.active == []
    assert second.condition("Training") == ("False", "Queued")
    first.end_run("a")
    both.visit()
    both.visit()
    assert second.active == ["eth-initial-99999999"]


def test_a_second_model_of_one_deployment_is_refused(new_world: Any) -> None:
    first, second = new_world(), new_world()
    second.add_artifact("z")
    both = both_of(first, second)
    for _ in range(3):
        both.visit()
    first.end_run("a")
    for _ in range(3):
        both.visit()
    assert second.condition("Ready") == ("False", "DeploymentTaken")
    assert second.condition("Degraded") == ("True", "DeploymentTaken")
    assert second.runs == {}
    assert second.history == []


def test_a_spec_that_cannot_be_understood_is_told_and_nothing_is_done(world: Any) -> None:
    from tradinglab_operator.plan import plan

    situation = world.observe()[0]
    broken = replace(situation.model, spec=None, problem="spec.market.symbol: required value")
    actions = plan(replace(situation, model=broken), world.now)
    assert isinstance(actions[0], WriteStatus)
    assert not any(isinstance(each, StartTraining) for each in actions)
    assert {each.reason for each in actions[0].status.conditions} == {"InvalidSpec"}


def test_a_reason_with_other_characters_is_told_as_one_word(world: Any) -> None:
    world.settle()
    world.end_run(reason="OutOf-example.com/gpu", message="the node has none")
    world.settle()
    assert world.condition("Degraded") == ("True", "OutOfExampleComGpu")


def leave(world: Any) -> str:
    """The active Job is deleted, but a finalizer holds it."""
    (name,) = world.active
    del world.runs[name]
    world.leaving.add(name)
    return str(name)


def test_a_job_stuck_in_deletion_keeps_its_name_and_the_next_one_has_another(world: Any) -> None:
    world.settle()
    name = leave(world)
    world.settle()
    assert world.condition("Degraded") == ("True", "JobGone")
    world.pass_time(minutes=2)
    world.settle()
    assert world.active == [f"{name}-a2"]
    assert world.reconciler.visit() == 0


def test_a_job_in_deletion_that_was_never_seen_running_keeps_its_name(world: Any) -> None:
    world.settle()
    name = leave(world)
    world.status = type(world.status)()
    world.settle()
    assert world.active == [f"{name}-a2"]
    assert world.reconciler.visit() == 0


def test_a_scheduled_job_in_deletion_is_not_started_again(world: Any) -> None:
    world.serving_first()
    world.pass_time(days=3, hours=15)
    world.settle()
    firing = world.status.last_schedule_time
    name = leave(world)
    world.status = world.status.model_copy(update={"active_job": None, "last_schedule_time": None})
    world.settle()
    assert world.status.last_schedule_time == firing
    assert name not in world.runs
    assert world.reconciler.visit() == 0


def test_runs_are_counted_though_the_operators_clock_is_an_hour_ahead(world: Any) -> None:
    world.pass_time(hours=1)
    world.serving_first()
    world.pass_time(hours=-1)
    world.change(retryToken="soon")
    world.settle()
    (name,) = world.active
    world.runs[name] = replace(
        world.runs[name],
        phase=RunPhase.SUCCEEDED,
        created_at=world.now + timedelta(hours=1, minutes=3),
        finished_at=world.now + timedelta(minutes=5),
    )
    world.add_artifact("b", job=name)
    world.settle()
    assert world.status.last_run.name == name
    assert len(world.runs) == 2, "nothing is trained again"


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_runs_no_firing_twice(world: Any, hours: int) -> None:
    world.serving_first()
    world.now = datetime(2024, 1, 7, 3, 0, 5, tzinfo=UTC)
    world.settle()
    world.end_run("b")
    world.settle()
    world.roll()
    firing = f"btc-{int(datetime(2024, 1, 7, 3, tzinfo=UTC).timestamp()) // 60}"
    assert firing in world.runs
    before = list(world.runs)
    for _ in range(3):
        world.pass_time(hours=hours)
        world.settle()
        world.pass_time(minutes=1)
        world.settle()
    assert list(world.runs) == before
    world.now = datetime(2024, 1, 14, 3, 0, 5, tzinfo=UTC)
    world.settle()
    assert len(world.runs) == len(before) + 1
