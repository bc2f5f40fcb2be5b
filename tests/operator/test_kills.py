"""Killed before or after every write, enumerated: the operator ends in the same state."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.operator.cluster_story import Story, connected, tradingmodel
from tests.operator.fake_api import Call, FakeApi
from tests.operator.operator_process import OperatorProcess

from tradinglab_operator.reconcile import Reconciler


class Killed(BaseException):
    """kill -9 as the operator's own code sees it: it never comes back."""


class Instrumented:
    """Counts the writes of the client and dies at one of them; once."""

    def __init__(self, story: Story, number: int, *, after: bool) -> None:
        self.story, self.number, self.after, self.count = story, number, after, 0
        story.restart = self.restart  # type: ignore[method-assign]
        self.restart()

    def restart(self) -> None:
        cluster = connected(self.story.api, self.story.volume)
        send = cluster.api._call

        def counted(method: str, *arguments: Any, **named: Any) -> Any:
            self.count += method != "GET"
            dies = method != "GET" and self.count == self.number
            if dies and not self.after:
                raise Killed
            answer = send(method, *arguments, **named)
            if dies:
                raise Killed
            return answer

        cluster.api._call = counted  # type: ignore[method-assign]
        self.story.reconciler = Reconciler(cluster, clock=lambda: self.story.now)


def settle(story: Story) -> None:
    for _ in range(30):
        try:
            if story.reconciler.visit() == 0:
                return
        except Killed:
            story.restart()
    raise AssertionError("never at rest")


def tell(story: Story) -> None:
    """Training, rollout, a failed training, its repetition, rollout, and an overdue rollout."""
    story.api.add_deployment()
    story.api.put("tradingmodels", tradingmodel())
    settle(story)
    story.end_job(story.active_jobs()[0])
    settle(story)
    story.api.roll()
    settle(story)
    story.api.put("tradingmodels", tradingmodel(retryToken="again"))
    settle(story)
    story.fail_job(story.active_jobs()[0])
    settle(story)
    story.pass_time(minutes=2)
    settle(story)
    story.end_job(story.active_jobs()[0])
    settle(story)
    story.api.roll()
    settle(story)
    story.api.put("tradingmodels", tradingmodel(retryToken="third"))
    settle(story)
    story.end_job(story.active_jobs()[0])
    settle(story)
    story.pass_time(minutes=10)
    settle(story)
    story.api.roll()
    settle(story)


def state(story: Story) -> dict[str, Any]:
    """All that is left when the story has ended, but for Events, of which a kill may lose one."""
    return {
        "status": story.status(),
        "jobs": {name: story.api.get("jobs", name)["spec"] for name in story.api.names("jobs")},
        "served": story.api.served(),
        "history": story.api.names("replicasets"),
        "created": [each.name for each in story.api.writes_of("jobs", "POST")],
        "asked": len(story.api.writes_of("deployments")),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: Any) -> tuple[dict[str, Any], int]:
    """The end of the story without a kill, and the number of its writes."""
    with FakeApi() as api:
        story = Story(api, tmp_path_factory.mktemp("undisturbed"))
        client = Instrumented(story, 0, after=False)
        tell(story)
        return state(story), client.count


def kill_at(number: int, directory: Path, *, after: bool) -> dict[str, Any]:
    with FakeApi() as api:
        story = Story(api, directory)
        client = Instrumented(story, number, after=after)
        tell(story)
        assert client.count >= number, "the kill was met"
        return state(story)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_some_writes_leads_to_the_same_end(
    tmp_path_factory: Any, undisturbed: tuple[dict[str, Any], int], after: bool
) -> None:
    end, writes = undisturbed
    for number in range(1, writes + 1, 6):
        assert kill_at(number, tmp_path_factory.mktemp("volume"), after=after) == end, number


@pytest.mark.prove
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_every_write_leads_to_the_same_end(
    tmp_path_factory: Any, undisturbed: tuple[dict[str, Any], int], after: bool
) -> None:
    end, writes = undisturbed
    assert writes >= 30
    for number in range(1, writes + 1):
        assert kill_at(number, tmp_path_factory.mktemp("volume"), after=after) == end, number


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[OperatorProcess]:
    with FakeApi() as api:
        process = OperatorProcess(api, tmp_path)
        yield process
        process.close()


def real_story(operator: OperatorProcess, when: str, number: int) -> int:
    """The process itself is killed at a write: before the server takes it, or after it did and
    before the answer. Returns how many writes were asked for."""
    api, asked = operator.api, [0]

    def at(place: str) -> Callable[[Call], None]:
        def hook(_: Call) -> None:
            asked[0] += place == "before"
            if place == when and asked[0] == number:
                operator.kill()
                if place == "before":
                    raise ConnectionAbortedError

        return hook

    api.before, api.after = at("before"), at("after")
    api.add_deployment()
    api.put("tradingmodels", tradingmodel())
    operator.play(lambda: is_served(api, "previous", present=False))
    api.put("tradingmodels", tradingmodel(retryToken="again"))
    operator.play(lambda: is_served(api, "previous", present=True))
    return asked[0]


def is_served(api: FakeApi, field: str, *, present: bool) -> bool:
    status = api.get("tradingmodels", "btc").get("status") or {}
    true = {each["type"] for each in status.get("conditions", []) if each["status"] == "True"}
    rests = {"Ready", "RolledOut"} <= true and not {"Degraded", "Training"} & true
    return rests and (field in status) is present and "activeJob" not in status


def ended_well(operator: OperatorProcess) -> None:
    api = operator.api
    created = [each.name for each in api.writes_of("jobs", "POST")]
    assert len(created) == len(set(created)) == 2, "one Job for each cause"
    status = api.get("tradingmodels", "btc")["status"]
    assert status["current"]["digest"] == api.served()
    assert len(api.names("replicasets")) == 2, "nothing was rolled twice or back"
    assert "pin" not in status and not status["rejected"]
    assert "secret-token" not in operator.log.read_text()


@pytest.mark.parametrize(("when", "number"), [("before", 3), ("after", 8)])
def test_the_process_killed_at_a_write_goes_on_after_a_restart(
    operator: OperatorProcess, when: str, number: int
) -> None:
    real_story(operator, when, number)
    ended_well(operator)


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_process_killed_at_every_write_goes_on_after_a_restart(
    tmp_path_factory: Any, when: str
) -> None:
    number, asked = 0, 1
    while number < asked:
        number += 1
        with FakeApi() as api:
            operator = OperatorProcess(api, tmp_path_factory.mktemp("killed"))
            try:
                asked = real_story(operator, when, number)
                ended_well(operator)
            finally:
                operator.close()
    assert number >= 15
