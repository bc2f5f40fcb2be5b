"""What the API server may answer, over real HTTP: the operator ends in the same state."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from tests.operator.cluster_story import Story
from tests.operator.fake_api import Call, FakeApi, Fault

from tradinglab_operator.cluster import ClusterTrouble

ANSWERS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "503": {"status": 503},
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "410": {"status": 410},
    "409": {"status": 409},
    "422": {"status": 422},
    "403": {"status": 403},
    "no answer": {"status": 0},
    "no answer after the commit": {"status": 0, "committed": True},
    "500 after the commit": {"status": 500, "committed": True},
    "no JSON": {"status": 502, "document": {"message": "<html>bad gateway</html>"}},
}
SOME = ("500", "409", "422", "no answer after the commit")
WRITES = {
    "status": lambda call: call.sub == "status",
    "job": lambda call: call.is_write and call.plural == "jobs",
    "deployment": lambda call: call.is_write and call.plural == "deployments",
    "event": lambda call: call.is_write and call.plural == "events",
}


def patient(story: Story, visits: int = 40) -> None:
    """As the loop does: what fails is tried again at the next visit."""
    quiet = 0
    for _ in range(visits):
        try:
            quiet = 0 if story.reconciler.visit() else quiet + 1
        except ClusterTrouble:
            quiet = 0
        if quiet == 3:  # a visit that is refused carries out nothing either
            return
    raise AssertionError(f"never at rest: {story.api.writes[-6:]}")


def two_trainings(story: Story) -> None:
    """First training, rollout, second training on request, rollout."""
    story.api.add_deployment()
    model = {"metadata": {"name": "btc"}, "spec": {"market": {"symbol": "BTC/USDT"}}}
    story.api.put("tradingmodels", model)
    patient(story)
    for token in ("", "again"):
        if token:
            model["spec"]["retryToken"] = token
            story.api.put("tradingmodels", model)
            patient(story)
        (job,) = story.active_jobs()
        story.end_job(job)
        patient(story)
        story.api.roll()
        patient(story)


def ends_well(story: Story) -> None:
    """The invariants, whatever was answered on the way."""
    jobs = [each.name for each in story.api.writes_of("jobs", "POST")]
    names = story.api.names("jobs")
    assert len(names) == 2, "one Job for each cause"
    assert len(set(jobs)) == len(jobs) == 2, "none was created twice"
    served = [each for each in story.status()["artifacts"] if each["state"] == "Served"]
    assert [each["digest"] for each in served] == [story.api.served()]
    assert story.status()["previous"]["digest"] != story.api.served()
    assert story.condition("Ready") == ("True", "Serving")
    assert story.condition("RolledOut") == ("True", "Complete")
    assert story.condition("Degraded") == ("False", "AsExpected")
    assert story.status()["consecutiveFailures"] == 0
    assert not story.status()["rejected"] and "pin" not in story.status()
    writes = len(story.api.writes)
    patient(story)
    assert len(story.api.writes) == writes, "at rest nothing is written"


@pytest.mark.parametrize(
    ("write", "answer"),
    [*product(("status", "job"), ANSWERS), *product(("deployment", "event"), SOME)],
)
def test_a_refused_write_is_made_later_and_once(story: Story, write: str, answer: str) -> None:
    story.api.faults.append(Fault(WRITES[write], times=2, **ANSWERS[answer]))
    two_trainings(story)
    assert story.api.faults[0].times == 0, "the fault was met"
    ends_well(story)


@pytest.mark.prove
@pytest.mark.parametrize("answer", list(ANSWERS))
def test_every_single_write_may_be_refused(tmp_path_factory: Any, answer: str) -> None:
    """Each write of the whole story by its number, not sampled."""

    def the(number: int, count: list[int]) -> Callable[[Call], bool]:
        def when(call: Call) -> bool:
            count[0] += call.is_write
            return call.is_write and count[0] == number

        return when

    number, reached = 0, True
    while reached:
        number += 1
        with FakeApi() as api:
            story = Story(api, tmp_path_factory.mktemp("volume"))
            api.faults.append(Fault(the(number, [0]), **ANSWERS[answer]))
            two_trainings(story)
            ends_well(story)
            reached = api.faults[0].times == 0
    assert number > 20


@pytest.mark.parametrize(
    ("plural", "answer"),
    [
        *(("jobs", each) for each in ANSWERS if "commit" not in each),
        *product(("tradingmodels", "deployments", "replicasets"), ("503", "no answer")),
    ],
)
def test_a_refused_read_changes_nothing(story: Story, plural: str, answer: str) -> None:
    story.serve_first()
    writes = len(story.api.writes)
    story.api.faults.append(
        Fault(lambda call: call.plural == plural and not call.is_write, **ANSWERS[answer])
    )
    with pytest.raises(ClusterTrouble) as trouble:
        story.reconciler.visit()
    assert plural in trouble.value.message
    story.settle()
    assert len(story.api.writes) == writes


def test_a_request_that_hangs_is_given_up(story: Story, monkeypatch: Any) -> None:
    monkeypatch.setattr("tradinglab_operator.kube.api.TIMEOUT_SECONDS", 0.2)
    story.serve_first()
    story.api.faults.append(Fault(lambda call: not call.is_write, status=200, delay=1.0))
    with pytest.raises(ClusterTrouble) as trouble:
        story.reconciler.visit()
    assert trouble.value.reason == "ApiServerUnavailable"
    story.settle()


@pytest.mark.parametrize("seen", [False, True], ids=["never seen", "seen running"])
def test_a_stale_list_without_the_new_job_starts_no_second(story: Story, seen: bool) -> None:
    story.api.add_deployment()
    story.api.put(
        "tradingmodels", {"metadata": {"name": "btc"}, "spec": {"market": {"symbol": "BTC/USDT"}}}
    )
    empty = {"metadata": {"resourceVersion": "1"}, "items": []}
    if seen:
        story.settle()
    story.api.faults.append(
        Fault(
            lambda call: call.plural == "jobs" and not call.is_write and not call.name,
            status=200,
            document=empty,
            times=5,
        )
    )
    for _ in range(5):
        story.reconciler.visit()
        story.pass_time(minutes=10)  # longer than the first back-off
    story.settle()
    assert len(story.api.writes_of("jobs", "POST")) == 1
    assert story.status()["consecutiveFailures"] == 0
    assert "TrainingFailed" not in story.event_reasons()


@pytest.mark.parametrize("plural", ["jobs", "deployments", "events", "tradingmodels"])
def test_removed_rights_are_told_and_recovered_from(story: Story, plural: str) -> None:
    """Not even its status may be written: then nothing else is done, and it goes on later."""
    fault = Fault(lambda call: call.plural == plural and call.is_write, status=403, times=500)
    story.api.faults.append(fault)
    story.api.add_deployment()
    story.api.put(
        "tradingmodels", {"metadata": {"name": "btc"}, "spec": {"market": {"symbol": "BTC/USDT"}}}
    )
    for _ in range(4):
        story.reconciler.visit()
    if plural == "jobs":
        assert story.condition("Degraded") == ("True", "Forbidden")
        assert story.api.names("jobs") == []
    if plural == "tradingmodels":
        assert story.api.writes == []
    fault.times = 0
    patient(story)
    assert len(story.active_jobs()) == 1
    story.end_job(story.active_jobs()[0])
    patient(story)
    story.api.roll()
    patient(story)
    assert story.condition("Degraded") == ("False", "AsExpected")
    assert story.condition("Ready") == ("True", "Serving")
