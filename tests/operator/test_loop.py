"""The reconcile loop: woken, ticking, patient with an API server that is away."""

import asyncio
from collections.abc import Callable

import pytest

from tradinglab_operator import loop as loop_module
from tradinglab_operator.cluster import ClusterTrouble
from tradinglab_operator.loop import ReconcileLoop


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "SETTLE_SECONDS", 0.001)


async def during(loop: ReconcileLoop, check: Callable[[], bool]) -> None:
    """Runs the loop until `check`, at most a few seconds."""
    task = asyncio.create_task(loop.run())
    try:
        async with asyncio.timeout(5):
            while not check():
                assert not task.done()
                await asyncio.sleep(0.005)
    finally:
        task.cancel()


async def test_a_wake_up_brings_the_next_visit_at_once() -> None:
    visits: list[int] = []

    def visit() -> int:
        visits.append(1)
        return 0

    loop = ReconcileLoop(visit, tick_seconds=60)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.1)
    assert len(visits) == 1
    loop.wake()
    await asyncio.sleep(0.1)
    task.cancel()
    assert len(visits) == 2


async def test_it_visits_again_while_there_is_something_to_do() -> None:
    left = [3]

    def visit() -> int:
        left[0] -= 1
        return max(0, left[0])

    await during(ReconcileLoop(visit, tick_seconds=60), lambda: left[0] == 0)


async def test_it_ticks_without_being_woken() -> None:
    visits: list[int] = []

    def visit() -> int:
        visits.append(1)
        return 0

    await during(ReconcileLoop(visit, tick_seconds=0.01), lambda: len(visits) > 3)


async def test_trouble_is_told_once_and_outlived(caplog: pytest.LogCaptureFixture) -> None:
    visits: list[int] = []

    def visit() -> int:
        visits.append(1)
        if len(visits) < 3:
            raise ClusterTrouble("ApiServerUnavailable", "GET /apis: connection refused")
        return 0

    loop = ReconcileLoop(visit, tick_seconds=60)
    caplog.set_level("INFO")
    await during(loop, lambda: len(visits) == 3 and not loop._trouble)
    told = [record.getMessage() for record in caplog.records]
    assert told.count("GET /apis: connection refused") == 1
    assert "the namespace is served again" in told


async def test_a_visit_that_hangs_is_heard_in_the_heartbeat() -> None:
    loop = ReconcileLoop(lambda: 0, tick_seconds=60)
    loop._beat -= 500
    assert loop.silent_seconds > loop_module.STALE_SECONDS


async def test_a_defect_ends_the_loop_so_that_liveness_fails() -> None:
    def visit() -> int:
        raise KeyError("a defect")

    task = asyncio.create_task(ReconcileLoop(visit, tick_seconds=60).run())
    with pytest.raises(KeyError):
        await task
