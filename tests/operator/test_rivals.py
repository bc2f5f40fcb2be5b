"""Two operators in one namespace: the older serves, the younger stands by and writes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.operator.cluster_story import START, connected, tradingmodel
from tests.operator.fake_api import FakeApi, stamp
from tests.operator.operator_process import OperatorProcess

from tradinglab_operator.cluster import ClusterTrouble
from tradinglab_operator.kube.rivals import stand_by_for_older


def operator(release: str, *, age: int = 0, replicas: int = 1, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{release}-operator",
            "creationTimestamp": stamp(START - timedelta(minutes=age)),
            "labels": {
                "app.kubernetes.io/part-of": "tradinglab",
                "app.kubernetes.io/component": "operator",
                "app.kubernetes.io/instance": release,
                **{f"app.kubernetes.io/{key}": value for key, value in labels.items()},
            },
        },
        "spec": {"replicas": replicas, "template": {"metadata": {"annotations": {}}}},
        "status": {},
    }


def test_the_older_operator_serves_and_the_younger_stands_by() -> None:
    both = [operator("second", age=1), operator("first", age=60)]
    stand_by_for_older(both, "first")
    with pytest.raises(ClusterTrouble, match=r"release first .* that of second") as refused:
        stand_by_for_older(both, "second")
    assert refused.value.reason == "AnotherOperator"


@pytest.mark.parametrize(
    "other",
    [
        operator("first", age=60, replicas=0),
        operator("first", age=60, component="api"),
        {"metadata": {"name": "plain", "creationTimestamp": stamp(START)}},
    ],
    ids=["without pods", "another program", "somebody else's"],
)
def test_what_is_no_operator_at_work_is_no_rival(other: dict[str, Any]) -> None:
    stand_by_for_older([other, operator("second")], "second")
    stand_by_for_older([other], "second")


def test_the_younger_process_writes_nothing_until_the_older_is_gone(tmp_path: Path) -> None:
    with FakeApi() as api:
        api.add_deployment()
        api.put("deployments", operator("first"))
        api.put("tradingmodels", tradingmodel())
        younger = OperatorProcess(api, tmp_path)
        younger.environment["TRADINGLAB_RELEASE"] = "second"
        try:
            younger.start()
            younger.play(lambda: "release first serves this namespace" in younger.told())
            assert younger.is_alive()
            assert api.writes == []
            api.remove("deployments", "first-operator")
            younger.play(lambda: api.served() is not None)
        finally:
            younger.close()


def test_a_release_that_is_alone_serves_two_models(tmp_path: Path) -> None:
    with FakeApi(clock=lambda: datetime.now(UTC)) as api:
        api.put("deployments", operator("first"))
        for name in ("btc", "eth"):
            api.add_deployment(f"{name}-api")
            api.put("tradingmodels", tradingmodel(name, serving={"deployment": f"{name}-api"}))
        cluster = connected(api, tmp_path)
        cluster.release = "first"
        assert [each.model.name for each in cluster.observe()] == ["btc", "eth"]
