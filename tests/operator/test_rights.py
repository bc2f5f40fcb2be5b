"""The operator's rights: the server here forbids what docs/security.md does not list, and every
right that it lists is used. tests/charts holds the same list against the chart."""

from pathlib import Path

import pytest
from tests.operator.cluster_story import Story, tradingmodel
from tests.operator.fake_api import RIGHTS, FakeApi
from tests.operator.operator_process import OperatorProcess

from tradinglab_operator.actions import RecordEvent, StopTraining
from tradinglab_operator.kube.api import Refused
from tradinglab_operator.kubernetes_cluster import model_of


def used(api: FakeApi) -> set[tuple[str, str]]:
    return {each.right for each in api.calls}


def watch_and_serve(directory: Path) -> set[tuple[str, str]]:
    """The real process, from nothing to a served artifact."""
    with FakeApi() as api:
        api.add_deployment()
        api.put("tradingmodels", tradingmodel())
        operator = OperatorProcess(api, directory)
        try:
            watched = {"tradingmodels.tradinglab.dev", "jobs.batch", "deployments.apps"}
            operator.play(
                lambda: (
                    api.served() is not None
                    and watched <= {resource for resource, verb in used(api) if verb == "watch"}
                )
            )
        finally:
            operator.close()
        return used(api)


def rare_requests(story: Story) -> set[tuple[str, str]]:
    """A Job that a list lacks, a training too many, an Event that happens again."""
    story.begin()
    (job,) = story.active_jobs()
    story.api.remove("jobs", job)
    story.settle()
    model = model_of(story.api.get("tradingmodels", "btc"))
    cluster = story.reconciler.cluster
    cluster.apply(model, StopTraining(job, "one runs already"))
    for _ in range(2):
        cluster.apply(model, RecordEvent("Told", "twice"))
    return used(story.api)


def test_the_operator_has_the_rights_that_it_uses_and_no_others(
    story: Story, tmp_path: Path
) -> None:
    process = tmp_path / "process"
    process.mkdir()
    assert watch_and_serve(process) | rare_requests(story) == RIGHTS


def test_what_is_not_listed_is_forbidden_here(story: Story) -> None:
    with pytest.raises(Refused, match="no right") as refused:
        story.reconciler.cluster.api.list("v1", "secrets")  # type: ignore[attr-defined]
    assert refused.value.status == 403
