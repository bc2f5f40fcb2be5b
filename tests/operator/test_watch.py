"""The real process, whose watches are silent, noisy or broken: they only wake it."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.operator.cluster_story import tradingmodel
from tests.operator.fake_api import Document, FakeApi
from tests.operator.operator_process import OperatorProcess

MEGABYTES = 90
WATCHED = 3  # TradingModels, Jobs and Deployments
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


def silent(_: Document) -> list[Document]:
    return []


def duplicated(event: Document) -> list[Document]:
    return [event, event, event]


def reordered() -> Callable[[Document], list[Document]]:
    held: list[Document] = []

    def distort(event: Document) -> list[Document]:
        held.append(event)
        return [held.pop(), held.pop()] if len(held) == 2 else []

    return distort


def every_second_dropped() -> Callable[[Document], list[Document]]:
    number = count()
    return lambda event: [event] if next(number) % 2 else []


def expired(event: Document) -> list[Document]:
    return [{"type": "ERROR", "object": GONE}, event]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[OperatorProcess]:
    with FakeApi() as api:
        process = OperatorProcess(api, tmp_path)
        yield process
        process.close()


def is_ready(api: FakeApi) -> bool:
    status: dict[str, Any] = api.get("tradingmodels", "btc").get("status") or {}
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in status.get("conditions", [])
    )


@pytest.mark.parametrize(
    "distort",
    [
        pytest.param(silent, id="silent"),
        pytest.param(reordered(), id="reordered"),
        pytest.param(duplicated, id="duplicated", marks=pytest.mark.prove),
        pytest.param(every_second_dropped(), id="dropped", marks=pytest.mark.prove),
        pytest.param(expired, id="expired", marks=pytest.mark.prove),
    ],
)
def test_whatever_the_watch_says_the_model_is_trained_and_served(
    operator: OperatorProcess, distort: Callable[[Document], list[Document]]
) -> None:
    api = operator.api
    api.distort = distort
    operator.start()
    until = time.monotonic() + 30
    while len(api.watchers) < WATCHED:
        assert time.monotonic() < until, operator.told()
        time.sleep(0.05)
    api.add_deployment()
    api.put("tradingmodels", tradingmodel())
    operator.play(lambda: is_ready(api))
    assert len(api.writes_of("jobs", "POST")) == 1
    assert operator.is_alive(), "the liveness probe agrees"
    assert operator.memory_megabytes() <= MEGABYTES
