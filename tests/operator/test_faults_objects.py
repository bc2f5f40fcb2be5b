"""What people and controllers do to the objects of a cluster, over a fake API server."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.operator.cluster_story import Story, tradingmodel
from tests.operator.fake_api import Call

UNKNOWN = "sha256:" + "9" * 64


def second_artifact(story: Story) -> str:
    """Trained on request and served; the first is the previous one."""
    story.pass_time(hours=1)
    story.api.put("tradingmodels", tradingmodel(retryToken="again"))
    story.settle()
    stored = story.end_job(story.active_jobs()[0])
    story.settle()
    story.api.roll()
    story.settle()
    return stored.digest


def pod_of(story: Story, job: str, **status: Any) -> None:
    labels = {"tradinglab.dev/model": "btc", "batch.kubernetes.io/job-name": job}
    metadata = {"name": f"{job}-pod", "labels": labels}
    story.api.put("pods", {"metadata": metadata, "status": status})


@pytest.mark.parametrize("digest", [UNKNOWN, None, "rubbish"])
def test_a_wrong_annotation_of_a_person_is_set_right(story: Story, digest: str | None) -> None:
    first = story.serve_first()
    story.api.annotate("tradinglab-api", digest)
    story.settle()
    assert story.api.served() == first
    assert "pin" not in story.status()


def test_a_known_digest_of_a_person_is_kept_and_shown(story: Story) -> None:
    first = story.serve_first()
    second = second_artifact(story)
    story.api.annotate("tradinglab-api", first)
    story.settle()
    story.api.roll()
    story.settle()
    assert story.api.served() == first != second
    assert story.condition("RolledOut") == ("True", "PinnedByRollback")
    assert story.status()["pin"]["digest"] == first


def test_pods_that_never_become_ready_bring_the_previous_artifact_back(story: Story) -> None:
    first = story.serve_first()
    story.pass_time(hours=1)
    story.api.put("tradingmodels", tradingmodel(retryToken="again"))
    story.settle()
    bad = story.end_job(story.active_jobs()[0]).digest
    story.settle()
    assert story.api.served() == bad
    story.pass_time(minutes=6)
    story.settle()
    story.api.roll()
    story.settle()
    assert story.api.served() == first
    assert [each["digest"] for each in story.status()["rejected"]] == [bad]
    story.restart()
    story.pass_time(days=1)
    story.settle()
    assert story.api.served() == first, "a rejected digest never comes back unasked"


def test_a_resource_deleted_while_training_takes_its_job_along(story: Story) -> None:
    story.begin()
    assert len(story.active_jobs()) == 1
    story.api.remove("tradingmodels", "btc")
    writes = len(story.api.writes)
    story.settle()
    assert story.api.names("jobs") == []
    assert len(story.api.writes) == writes


def test_a_resource_recreated_under_the_same_name_starts_anew(story: Story) -> None:
    story.begin()
    (old,) = story.active_jobs()
    story.api.remove("tradingmodels", "btc")
    story.api.put("tradingmodels", tradingmodel())
    story.settle()
    (new,) = story.active_jobs()
    assert new != old
    assert story.status()["activeJob"]["name"] == new


def test_a_status_never_reaches_a_resource_recreated_meanwhile(story: Story) -> None:
    """The write is on its way when the resource is replaced by another of the same name."""
    story.begin()
    (job,) = story.active_jobs()
    story.end_job(job)

    def replaced(call: Call) -> None:
        if call.sub == "status":
            story.api.before = lambda _: None
            story.api.remove("tradingmodels", "btc")
            story.api.put("tradingmodels", tradingmodel())

    story.api.before = replaced
    story.reconciler.visit()
    assert story.status() == {}
    story.settle()
    assert story.condition("Degraded")[0] == "False"


def test_a_deleted_job_is_tried_again_under_the_next_name(story: Story) -> None:
    story.begin()
    (job,) = story.active_jobs()
    story.api.remove("jobs", job)
    story.settle()
    assert story.status()["lastRun"]["reason"] == "JobGone"
    assert story.active_jobs() == [], "it backs off"
    story.pass_time(minutes=2)
    story.settle()
    assert story.active_jobs() == [f"{job}-a2"]


@pytest.mark.parametrize(
    ("pod", "reason", "words"),
    [
        ({"reason": "Evicted", "message": "low on memory"}, "Evicted", "low on memory"),
        (
            {"containerStatuses": [{"name": "trainer", "state": {"terminated": {
                "exitCode": 137, "reason": "OOMKilled"}}}]},
            "OOMKilled",
            "resources.limits.memory",
        ),
        ({}, "PodGone", "left no message"),
    ],
    ids=["evicted", "OOMKilled", "no pod"],
)  # fmt: skip
def test_why_the_pod_ended_is_told_and_the_next_attempt_comes(
    story: Story, pod: dict[str, Any], reason: str, words: str
) -> None:
    first = story.serve_first()
    story.api.put("tradingmodels", tradingmodel(retryToken="again"))
    story.settle()
    (job,) = story.active_jobs()
    if pod:
        pod_of(story, job, **pod)
    story.fail_job(job)
    story.settle()
    assert story.condition("Degraded") == ("True", reason)
    assert words in story.status()["lastRun"]["message"]
    assert story.api.served() == first and story.condition("Ready") == ("True", "Serving")
    story.pass_time(minutes=2)
    story.settle()
    assert story.active_jobs() == [f"{job}-a2"]


def test_a_job_cleared_by_its_ttl_while_the_operator_was_down_counts_as_good(story: Story) -> None:
    story.begin()
    (job,) = story.active_jobs()
    stored = story.end_job(job)
    story.api.remove("jobs", job)
    story.pass_time(days=8)
    story.restart()
    story.settle()
    assert story.status()["lastRun"]["outcome"] == "Succeeded"
    assert story.api.served() == stored.digest
    assert story.api.names("jobs") == []


def test_after_three_days_down_one_training_catches_up(story: Story) -> None:
    story.serve_first(schedule={"cron": "0 * * * *"})
    created = len(story.api.writes_of("jobs", "POST"))
    story.pass_time(days=3)
    story.restart()
    story.settle()
    assert len(story.api.writes_of("jobs", "POST")) == created + 1
    assert "FiringMissed" in story.event_reasons()


def test_a_status_of_a_newer_operator_is_read_and_its_own_fields_dropped(story: Story) -> None:
    first = story.serve_first()
    story.api.set_status("tradingmodels", "btc", forecastOfNextYear=1, artifacts=[{"odd": True}])
    story.restart()
    story.settle()
    assert story.api.served() == first
    assert "forecastOfNextYear" not in story.status()
    assert story.condition("Ready") == ("True", "Serving")


def test_a_spec_of_a_newer_definition_is_told_by_field_and_changes_nothing(story: Story) -> None:
    first = story.serve_first()
    story.api.put("tradingmodels", tradingmodel(forecasting={"years": 2}))
    story.settle()
    assert story.condition("Degraded") == ("True", "InvalidSpec")
    assert "spec.forecasting: unknown field" in str(story.status()["conditions"])
    assert story.api.served() == first
    story.api.put("tradingmodels", tradingmodel())
    story.settle()
    assert story.condition("Degraded") == ("False", "AsExpected")


def test_of_two_models_with_one_deployment_the_younger_is_refused(story: Story) -> None:
    first = story.serve_first()
    story.pass_time(minutes=1)
    story.api.put("tradingmodels", tradingmodel("eth"))
    story.settle()
    assert story.condition("Ready", "eth") == ("False", "DeploymentTaken")
    assert story.condition("Degraded", "eth") == ("True", "DeploymentTaken")
    assert "is served by TradingModel lab/btc; name another" in str(story.status("eth"))
    assert story.active_jobs() == [] and story.api.served() == first
    story.api.remove("tradingmodels", "btc")
    story.settle()
    assert len(story.active_jobs()) == 1, "when the first is gone, its turn has come"


def test_two_models_with_their_own_apis_work_side_by_side(story: Story) -> None:
    first = story.serve_first()
    story.api.add_deployment("eth-api")
    story.api.put("tradingmodels", tradingmodel("eth", serving={"deployment": "eth-api"}))
    story.settle()
    second = story.end_job(story.active_jobs()[0]).digest
    story.settle()
    story.api.roll("eth-api")
    story.settle()
    assert (story.api.served(), story.api.served("eth-api")) == (first, second)
    for name in ("btc", "eth"):
        assert story.condition("Ready", name) == ("True", "Serving")


def test_nothing_secret_of_the_job_reaches_status_or_events(story: Story) -> None:
    story.begin()
    told = str(story.status()) + str(
        [story.api.get("events", n) for n in story.api.names("events")]
    )
    job = story.api.get("jobs", story.active_jobs()[0])
    (trainer,) = job["spec"]["template"]["spec"]["containers"]
    for variable in trainer["env"]:
        if variable["name"] == "TRADINGLAB_SPEC":
            assert variable["value"] not in told
    assert "Bearer" not in told


@pytest.mark.parametrize(
    ("zone", "night", "cron"),
    [
        ("Europe/Berlin", "2024-03-31", "30 2 * * *"),
        ("Europe/Berlin", "2024-10-27", "30 2 * * *"),
        ("America/New_York", "2024-03-10", "30 2 * * *"),
        ("America/New_York", "2024-11-03", "30 1 * * *"),
    ],
)
def test_the_night_of_a_clock_change_trains_once(
    story: Story, zone: str, night: str, cron: str
) -> None:
    """The firing lies in the hour that the clocks skip or repeat."""
    noon = datetime.fromisoformat(f"{night}T12:00:00+00:00")
    story.now = noon - timedelta(days=1)
    story.serve_first(schedule={"cron": cron, "timeZone": zone})
    before = len(story.api.names("jobs"))
    while story.now < noon:
        story.pass_time(minutes=10)
        story.settle()
        for job in story.active_jobs():
            story.end_job(job)
            story.settle()
            story.api.roll()
            story.settle()
    assert len(story.api.names("jobs")) == before + 1
    assert "FiringMissed" not in story.event_reasons()
