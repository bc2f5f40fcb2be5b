"""How many ended trainings are kept: by count, never one that was not counted or runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.operator.cluster_story import Story

from tradinglab_operator.situation import HistoryLimits, Run, RunPhase


def ended(world: Any, phase: RunPhase) -> list[str]:
    return [run.name for run in world.runs.values() if run.phase is phase]


def retrain(world: Any, token: str, letter: str | None = None, **failure: str) -> str:
    world.pass_time(minutes=1)
    world.change(retryToken=token)
    world.settle()
    run = world.end_run(letter, **failure)
    world.settle()
    return run.name


@pytest.fixture
def limited(world: Any) -> Any:
    """Two that went well and one that failed are kept; artifacts go soon."""
    world.history_limits = HistoryLimits(successful=2, failed=1)
    world.change(storage={"keep": 2})
    return world.serving_first()


def test_the_newest_are_kept_and_the_model_comes_to_rest(limited: Any) -> None:
    names = [retrain(limited, f"token {letter}", letter) for letter in "bcdef"]
    limited.roll()
    assert ended(limited, RunPhase.SUCCEEDED)[-2:] == names[-2:]
    assert names[0] not in limited.runs
    assert len(limited.runs) <= 2 + len(limited.artifacts)
    assert limited.reconciler.visit() == 0


def test_failed_ones_are_counted_apart_from_good_ones(limited: Any) -> None:
    good = retrain(limited, "good", "b")
    failed = [retrain(limited, f"bad {n}", reason="OutOfMemory", message="no") for n in range(3)]
    assert ended(limited, RunPhase.FAILED) == failed[-1:]
    assert good in limited.runs


def test_a_cause_that_was_cleared_away_does_not_train_again(limited: Any) -> None:
    for week, letter in enumerate("bcde"):
        limited.now = datetime(2024, 1, 7, 3, 1, tzinfo=UTC) + timedelta(weeks=week)
        limited.settle()
        limited.end_run(letter)
        limited.settle()
        limited.roll()
    assert len(ended(limited, RunPhase.SUCCEEDED)) == 2
    limited.pass_time(hours=1)
    limited.settle()
    assert limited.active == []


def test_a_training_that_was_not_counted_yet_is_not_cleared_away(limited: Any) -> None:
    """It ended well, and its artifact may still come to light."""
    for number in range(5):
        created = limited.now + timedelta(seconds=number)
        limited.runs[f"new-{number}"] = Run(f"new-{number}", RunPhase.SUCCEEDED, created, created)
    limited.pass_time(seconds=10)
    limited.settle()
    assert {f"new-{number}" for number in range(5)} <= set(limited.runs)


def test_a_former_retry_token_trains_again_though_history_was_cleared(limited: Any) -> None:
    limited.change(storage={"keep": 20})
    first = retrain(limited, "A", "b")
    for letter in "cdefg":
        retrain(limited, f"token {letter}", letter)
    limited.change(retryToken="A")
    limited.settle()
    assert limited.active == [f"{first}-a2"]


def test_in_a_cluster_the_jobs_are_deleted(story: Story) -> None:
    story.serve_first(storage={"keep": 2})
    for number in range(6):
        model = story.api.get("tradingmodels", "btc")
        model["spec"]["retryToken"] = str(number)
        story.api.put("tradingmodels", model)
        story.settle()
        (job,) = story.active_jobs()
        story.fail_job(job)
        story.settle()
    assert len(story.api.names("jobs")) == 4, "the first, and the last three that failed"
