"""What a reported drift leads to: one training for each artifact, in the same queue."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradinglab.resource.training_request import TrainingRequest
from tradinglab_operator.actions import StartTraining
from tradinglab_operator.situation import Run, RunPhase

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SUNDAY = datetime(2024, 1, 7, 3, 0, tzinfo=UTC)


def report(world: Any, digest: str = A, reason: str = "PSI of rsi is 9.00, limit 2.00") -> None:
    world.training_request = TrainingRequest(digest, reason).encoded()


@pytest.fixture
def served(world: Any) -> Any:
    """Trained and rolled out, the interval since then over."""
    world.serving_first()
    world.pass_time(hours=25)
    world.settle()
    return world


def test_a_reported_drift_trains_once_and_says_why(served: Any) -> None:
    report(served)
    served.settle()
    (name,) = served.active
    assert name.startswith("btc-drift-")
    assert served.champions[-1] == A
    assert served.events.count("DriftReported") == 1
    assert served.status.drift.reason == "PSI of rsi is 9.00, limit 2.00"
    assert served.status.drift.answered
    served.end_run("b")
    served.settle()
    served.roll()
    served.pass_time(hours=30)
    served.settle()
    assert served.active == []
    assert served.status.drift is None


def test_the_cause_of_the_training_is_the_drift(served: Any) -> None:
    from tradinglab_operator.plan import plan

    report(served)
    (start,) = [
        each for each in plan(served.observe()[0], served.now) if isinstance(each, StartTraining)
    ]
    assert start.reason == "drift: PSI of rsi is 9.00, limit 2.00"


def test_a_drift_that_no_better_artifact_answers_is_not_trained_for_again(served: Any) -> None:
    report(served)
    served.settle()
    served.end_run()
    served.add_artifact("b", job=next(reversed(served.runs)), servable=False)
    served.settle()
    assert served.status.current.digest == A
    for _ in range(3):
        served.pass_time(hours=10)
        served.settle()
    assert served.active == []
    assert served.status.drift.answered


def test_a_restart_without_the_status_does_not_repeat_it(served: Any) -> None:
    report(served)
    served.settle()
    served.end_run()
    served.add_artifact("b", job=next(reversed(served.runs)), servable=False)
    served.settle()
    served.runs.clear()
    served.status = type(served.status)()
    served.pass_time(hours=30)
    served.settle()
    assert served.active == []
    assert served.status.drift.answered


@pytest.mark.parametrize("crash", range(6))
def test_a_crash_at_any_write_starts_no_second_training(served: Any, crash: int) -> None:
    from tests.operator.conftest import Crash

    report(served)
    served.crash_after = served.applied + crash
    try:
        served.settle()
    except Crash:
        served.crash_after = None
        served.settle()
    assert len(served.active) == 1
    assert len([name for name in served.runs if "-drift-" in name]) == 1


def test_a_report_on_an_artifact_that_is_not_in_service_is_ignored(served: Any) -> None:
    report(served, digest=B)
    served.settle()
    assert served.active == []
    assert served.status.drift is None
    assert "DriftReported" not in served.events


def test_it_waits_for_the_interval_since_the_last_training(world: Any) -> None:
    world.serving_first()
    report(world)
    world.settle()
    assert world.active == []
    assert world.condition("Training") == ("False", "DriftWaits")
    world.now = world.status.last_run.finished_at + timedelta(hours=24)
    world.settle()
    assert len(world.active) == 1


def test_an_interval_of_nothing_waits_for_nothing(world: Any) -> None:
    world.serving_first()
    world.change(training={"driftIntervalHours": 0})
    report(world)
    world.settle()
    assert len(world.active) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"training": {"retrainOnDrift": False}}, "retrainOnDrift is false"),
        ({"schedule": {"suspend": True}}, "suspend is true"),
    ],
)
def test_what_a_person_switched_off_holds_it_back_and_is_told(
    served: Any, changes: dict[str, Any], told: str
) -> None:
    served.change(**changes)
    report(served)
    served.settle()
    assert served.active == []
    assert served.condition("Training") == ("False", "DriftWaits")
    (message,) = [each.message for each in served.status.conditions if each.type == "Training"]
    assert told in message
    served.change(training={"retrainOnDrift": True}, schedule={"suspend": False})
    served.settle()
    assert len(served.active) == 1


def test_a_suspended_schedule_does_not_repeat_a_failed_drift_training(served: Any) -> None:
    report(served)
    served.settle()
    served.end_run(reason="DataError", message="bar 5: high is 0")
    served.settle()
    served.change(schedule={"suspend": True})
    served.pass_time(hours=7)
    served.settle()
    assert served.active == []


def test_a_failed_drift_training_is_tried_again_under_its_name(served: Any) -> None:
    report(served)
    served.settle()
    (name,) = served.active
    served.end_run(reason="DataError", message="bar 5: high is 0")
    served.settle()
    served.now = served.status.next_attempt_time
    served.settle()
    assert served.active == [f"{name}-a2"]


def test_a_scheduled_training_answers_it_too(served: Any) -> None:
    served.now = SUNDAY
    report(served)
    served.settle()
    assert served.active == [f"btc-{int(SUNDAY.timestamp()) // 60}"]
    assert served.status.drift.answered
    served.end_run()
    served.add_artifact("b", job=next(reversed(served.runs)), servable=False)
    served.settle()
    served.pass_time(hours=25)
    served.settle()
    assert served.active == []


def test_it_waits_while_another_artifact_rolls_out(served: Any) -> None:
    served.change(training={"driftIntervalHours": 0})
    served.add_artifact("b")
    served.settle()
    assert served.status.rollout is not None
    report(served)
    served.settle()
    assert served.active == []
    served.roll()
    assert served.active == []
    assert served.status.current.digest == B


def test_another_models_training_comes_first(served: Any) -> None:
    from tradinglab_operator.plan import plan

    report(served)
    situation = replace(served.observe()[0], training_elsewhere="lab/eth")
    assert not any(isinstance(each, StartTraining) for each in plan(situation, served.now))


def test_a_report_that_nobody_can_read_is_told(served: Any) -> None:
    served.training_request = "please train"
    served.settle()
    assert served.active == []
    assert served.condition("Degraded") == ("True", "InvalidTrainingRequest")
    report(served)
    served.settle()
    assert len(served.active) == 1


def test_a_report_is_written_once(served: Any) -> None:
    served.change(training={"retrainOnDrift": False})
    report(served)
    served.settle()
    writes, applied = served.status_writes, served.applied
    for _ in range(120):
        served.pass_time(seconds=5)
        served.reconciler.visit()
    assert (served.status_writes, served.applied) == (writes, applied)


def test_a_drift_run_in_deletion_is_not_started_again(served: Any) -> None:
    report(served)
    served.settle()
    (name,) = served.active
    served.runs[name] = Run(name, RunPhase.SUCCEEDED, served.now, served.now)
    del served.runs[name]
    served.leaving.add(name)
    served.status = served.status.model_copy(update={"active_job": None, "drift": None})
    served.settle()
    assert served.active == []
    assert served.status.drift.answered
