"""Which artifact is served: the gate, a person's choice, rollouts and what is kept."""

from typing import Any

import pytest

from tradinglab.artifact.manifest import Comparison
from tradinglab_operator.situation import Refused


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def retrain(world: Any, letter: str, **artifact: Any) -> None:
    world.change(retryToken=f"for {letter}")
    world.settle()
    run = world.end_run()
    world.add_artifact(letter, job=run.name, **artifact)
    world.settle()


def test_the_first_artifact_is_served_and_the_model_ready(world: Any) -> None:
    world.settle()
    world.end_run("a")
    world.settle()
    assert world.digest == digest("a")
    assert world.condition("RolledOut") == ("False", "InProgress")
    assert world.status.candidate.version == "v-a"
    world.roll()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("RolledOut") == ("True", "Complete")
    assert world.status.current.version == "v-a"
    assert world.status.candidate is None


def test_a_better_artifact_replaces_the_one_in_service(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    assert world.digest == digest("b")
    assert world.status.current.version == "v-a", "the old one serves until the new is ready"
    assert world.condition("Ready") == ("True", "Serving")
    world.roll()
    assert (world.status.current.version, world.status.previous.version) == ("v-b", "v-a")


@pytest.mark.parametrize(
    "artifact", [{"servable": False}, {"comparison": Comparison.WORSE}], ids=["unfit", "worse"]
)
def test_an_artifact_that_the_gate_refuses_is_remembered_not_served(
    world: Any, artifact: dict[str, Any]
) -> None:
    world.serving_first()
    retrain(world, "b", **artifact)
    assert world.digest == digest("a")
    assert [each.digest for each in world.status.rejected] == [digest("b")]
    assert world.events.count("ArtifactRejected") == 1


@pytest.mark.parametrize(
    ("rule", "served", "rejected", "held"),
    [("Promote", "b", 0, False), ("Hold", "a", 0, True), ("Reject", "a", 1, False)],
)
def test_an_inconclusive_artifact_follows_the_rule(
    world: Any, rule: str, served: str, rejected: int, held: bool
) -> None:
    world.change(promotion={"whenInconclusive": rule})
    world.serving_first()
    retrain(world, "b", comparison=Comparison.INCONCLUSIVE)
    assert world.digest == digest(served)
    assert len(world.status.rejected) == rejected
    assert (world.condition("RolledOut")[1] == "CandidateHeld") is held


def test_a_held_artifact_rolls_out_when_a_person_pins_it(world: Any) -> None:
    world.change(promotion={"whenInconclusive": "Hold"})
    world.serving_first()
    retrain(world, "b", comparison=Comparison.INCONCLUSIVE)
    world.change(serving={"pinnedDigest": digest("b")})
    world.settle()
    world.roll()
    assert world.status.current.version == "v-b"
    assert world.condition("RolledOut") == ("True", "PinnedBySpec")


def test_an_artifact_dropped_by_hand_is_taken_without_a_training(world: Any) -> None:
    world.add_artifact("h")
    world.settle()
    world.roll()
    assert world.status.current.version == "v-h"
    assert world.active == []


def test_an_older_artifact_is_not_considered(world: Any) -> None:
    older = world.add_artifact("o")
    world.artifacts.clear()
    world.serving_first()
    world.artifacts.insert(0, older)
    world.settle()
    assert world.digest == digest("a")


def test_an_overdue_rollout_goes_back_and_is_never_tried_again(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    world.pass_time(seconds=301)
    world.settle()
    assert world.digest == digest("a")
    assert world.status.rejected[0].rollout_failed
    assert "RolledBack" in world.events
    world.roll()
    for _ in range(5):
        world.pass_time(minutes=10)
        world.settle()
    assert world.digest == digest("a")
    assert world.events.count("RollingOut") == 2


def test_a_pinned_digest_is_tried_again_though_rejected_but_once(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    world.pass_time(seconds=301)
    world.settle()
    world.roll()
    world.change(serving={"pinnedDigest": digest("b")})
    world.settle()
    assert world.digest == digest("b")
    world.pass_time(seconds=301)
    world.settle()
    assert world.digest == digest("a")
    assert world.condition("Degraded") == ("True", "PinnedRolloutFailed")


def test_the_first_rollout_may_succeed_late(world: Any) -> None:
    world.settle()
    world.end_run("a")
    world.settle()
    world.pass_time(hours=1)
    world.settle()
    assert world.condition("Degraded") == ("True", "RolloutOverdue")
    world.roll()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("Degraded") == ("False", "AsExpected")


def stuck_first(world: Any) -> None:
    """The first artifact is trained, and its pods never become ready."""
    world.settle()
    world.end_run("a")
    world.settle()
    world.pass_time(seconds=301)
    world.settle()


def test_a_first_rollout_that_fails_gives_way_to_a_newer_artifact(world: Any) -> None:
    stuck_first(world)
    retrain(world, "b")
    assert world.digest == digest("b")
    assert [each.digest for each in world.status.rejected if each.rollout_failed] == [digest("a")]
    world.roll()
    assert world.status.current.version == "v-b"
    assert world.condition("Degraded") == ("False", "AsExpected")
    world.artifacts = [each for each in world.artifacts if each.version == "v-a"]
    world.settle()
    assert world.digest == digest("b"), "the failed one is not tried again"


def test_first_rollouts_that_fail_one_after_the_other_end_with_the_one_that_works(
    world: Any,
) -> None:
    stuck_first(world)
    for letter in "bcdefghijklmn":
        retrain(world, letter)
        assert world.digest == digest(letter)
        world.pass_time(seconds=301)
        world.settle()
    assert world.condition("Degraded") == ("True", "RolloutOverdue")
    retrain(world, "o")
    world.roll()
    assert world.status.current.version == "v-o"


@pytest.mark.parametrize(
    "artifact", [{"servable": False}, {"comparison": Comparison.WORSE}], ids=["unfit", "worse"]
)
def test_a_stuck_first_rollout_does_not_give_way_to_what_the_gate_refuses(
    world: Any, artifact: dict[str, Any]
) -> None:
    stuck_first(world)
    retrain(world, "b", **artifact)
    assert world.digest == digest("a")
    assert world.events.count("ArtifactRejected") == 1
    world.roll()
    assert world.status.current.version == "v-a", "a late success still counts"


def test_a_stuck_first_rollout_gives_way_to_no_older_artifact(world: Any) -> None:
    older = world.add_artifact("o")
    world.artifacts.clear()
    stuck_first(world)
    world.artifacts.insert(0, older)
    world.settle()
    assert world.digest == digest("a")


def test_a_pinned_first_rollout_that_fails_stays_a_persons_choice(world: Any) -> None:
    world.add_artifact("a")
    world.change(serving={"pinnedDigest": digest("a")})
    world.settle()
    world.pass_time(seconds=301)
    world.settle()
    world.add_artifact("b")
    world.settle()
    assert world.digest == digest("a")
    assert world.condition("Degraded") == ("True", "RolloutOverdue")


def test_an_undone_rollout_is_a_persons_pin_until_a_newer_artifact(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    world.roll()
    world.pass_time(minutes=5)
    world.serve(digest("a"))  # kubectl rollout undo
    world.roll()
    assert world.digest == digest("a")
    assert world.condition("RolledOut") == ("True", "PinnedByRollback")
    assert world.status.current.version == "v-a"
    assert world.events.count("PinnedByRollback") == 1
    world.pass_time(days=1)
    world.settle()
    assert world.digest == digest("a")
    retrain(world, "c")
    world.roll()
    assert world.status.current.version == "v-c"
    assert world.condition("RolledOut") == ("True", "Complete")


def test_a_rollout_undone_before_it_was_complete_is_kept_undone(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    world.settle()
    world.serve(digest("a"))
    world.roll()
    assert world.digest == digest("a")
    assert world.status.rejected[0].reason == "a person undid its rollout"


def test_an_unknown_digest_on_the_deployment_is_overwritten(world: Any) -> None:
    world.serving_first()
    world.serve(digest("f"))
    world.settle()
    assert world.digest == digest("a")


def test_a_recreated_deployment_is_asked_again(world: Any) -> None:
    world.serving_first()
    world.deployment_exists = False
    world.settle()
    assert world.condition("Ready") == ("False", "DeploymentMissing")
    world.deployment_exists, world.digest, world.ready = True, None, False
    world.settle()
    assert world.digest == digest("a")


def test_a_deployment_scaled_to_zero_is_no_failed_rollout(world: Any) -> None:
    world.serving_first()
    world.replicas = 0
    retrain(world, "b")
    world.pass_time(hours=2)
    world.settle()
    assert world.status.rejected == ()
    world.replicas = 1
    world.settle()
    world.roll()
    assert world.status.current.version == "v-b"


def test_a_lost_status_is_rebuilt_from_what_is_served(world: Any) -> None:
    world.serving_first()
    world.runs.clear()
    world.status = type(world.status)()
    world.settle()
    assert world.status.current.version == "v-a"
    assert world.status.pin is None
    assert world.active == []


def test_when_the_served_artifact_is_lost_the_best_that_is_left_is_served(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    world.roll()
    world.artifacts = [each for each in world.artifacts if each.version == "v-a"]
    world.refused = [Refused("v-b", "v-b/model.onnx is missing")]
    world.settle()
    world.roll()
    assert world.digest == digest("a")
    assert world.condition("Degraded") == ("True", "ArtifactRefused")


def test_old_artifacts_go_but_what_may_be_needed_stays(world: Any) -> None:
    world.change(storage={"keep": 2})
    world.serving_first()
    for letter in "bcde":
        retrain(world, letter)
        world.roll()
    kept = [each.version for each in world.artifacts]
    assert kept == ["v-d", "v-e"]
    world.change(serving={"pinnedDigest": digest("d")})
    world.settle()
    world.roll()
    for letter in "fgh":
        retrain(world, letter)
    assert {"v-d", "v-e"} <= {each.version for each in world.artifacts}


def test_a_rejected_digest_survives_a_full_list_when_its_rollout_failed(world: Any) -> None:
    world.serving_first()
    retrain(world, "b")
    world.pass_time(seconds=301)
    world.settle()
    world.roll()
    for letter in "cdefghijklmn":
        retrain(world, letter, servable=False)
    assert len(world.status.rejected) == 10
    assert digest("b") in {each.digest for each in world.status.rejected}


def refuse_many(world: Any, count: int, **artifact: Any) -> None:
    for number in range(count):
        world.pass_time(minutes=1)
        world.add_artifact(chr(ord("g") + number), **artifact)


@pytest.mark.parametrize("count", [9, 10, 11, 20])
def test_any_number_of_refused_artifacts_comes_to_rest(world: Any, count: int) -> None:
    world.change(promotion={"whenInconclusive": "Reject"}, storage={"keep": 40})
    world.serving_first()
    refuse_many(world, count, comparison=Comparison.INCONCLUSIVE)
    world.settle()
    assert world.events.count("ArtifactRejected") == min(count, 10)
    newest = [each.digest for each in world.artifacts[-min(count, 10) :]]
    assert [each.digest for each in world.status.rejected] == newest
    events, writes = len(world.events), world.status_writes
    for _ in range(5):
        world.pass_time(seconds=1)
        assert world.reconciler.visit() == 0
    assert (len(world.events), world.status_writes) == (events, writes)


def test_refusals_seen_out_of_order_come_to_rest(world: Any) -> None:
    world.change(storage={"keep": 40})
    world.serving_first()
    refuse_many(world, 20, comparison=Comparison.WORSE)
    late = [world.artifacts.pop(3), world.artifacts.pop(9), world.artifacts.pop(12)]
    world.settle()
    for artifact in late:
        world.artifacts.append(artifact)
        world.settle(2)
    assert len(world.status.rejected) == 10


def test_a_changed_rule_judges_again_what_the_gate_refused(world: Any) -> None:
    world.change(promotion={"whenInconclusive": "Reject"}, storage={"keep": 40})
    world.serving_first()
    refuse_many(world, 12, comparison=Comparison.INCONCLUSIVE)
    world.settle()
    world.change(promotion={"whenInconclusive": "Promote"})
    world.settle()
    world.roll()
    assert world.status.current.version == world.artifacts[-1].version, "the newest, not an older"


def test_an_undone_rollout_survives_a_full_list(world: Any) -> None:
    world.change(storage={"keep": 40})
    world.serving_first()
    retrain(world, "b")
    world.serve(digest("a"))
    world.roll()
    refuse_many(world, 15, servable=False)
    world.settle()
    assert world.digest == digest("a")
    assert digest("b") in {each.digest for each in world.status.rejected}


def test_when_every_rollout_fails_the_operator_stops_trying(world: Any) -> None:
    world.change(storage={"keep": 40})
    world.serving_first()
    refuse_many(world, 14)
    for _ in range(60):
        world.ready = world.digest == digest("a")
        world.settle()
        world.pass_time(seconds=301)
    assert world.digest == digest("a")
    assert world.events.count("RolledBack") == 10
    assert world.condition("Degraded") == ("True", "TooManyFailedRollouts")
