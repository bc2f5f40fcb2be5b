"""Killed between any two writes, the operator ends in the same state."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DIGEST_A, DIGEST_B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def story(world: Any, crashes: list[int]) -> None:
    """First training, rollout, second training on request, rollout; killed where `crashes` say."""
    plan_of_crashes = iter(crashes)

    def settle() -> None:
        for _ in range(60):
            after = next(plan_of_crashes, None)
            world.crash_after = None if after is None else world.applied + after
            try:
                done = world.reconciler.visit()
            except BaseException as error:
                if type(error).__name__ != "Crash":
                    raise
                world.__post_init__()  # a new process remembers nothing
                continue
            finally:
                world.crash_after = None
            if done == 0:
                return
        raise AssertionError("never at rest")

    settle()
    world.end_run("a")
    settle()
    world.ready = True
    settle()
    world.change(retryToken="second")
    settle()
    world.end_run("b")
    settle()
    world.ready = True
    settle()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(crashes=st.lists(st.integers(0, 4), max_size=12))
def test_a_crash_at_any_point_leads_to_the_same_end(new_world: Any, crashes: list[int]) -> None:
    world, undisturbed = new_world(), new_world()
    story(undisturbed, [])
    story(world, crashes)
    assert world.digest == DIGEST_B
    assert list(world.runs) == list(undisturbed.runs), "one run for each cause"
    assert world.history == [DIGEST_A, DIGEST_B], "nothing was rolled twice or back"
    assert world.status.pin is None
    assert world.status.current == undisturbed.status.current
    assert world.status.previous == undisturbed.status.previous
    assert [(each.type, each.status, each.reason) for each in world.status.conditions] == [
        (each.type, each.status, each.reason) for each in undisturbed.status.conditions
    ]
