"""The API's part of the chart: inside the cluster only, limited, and open to no surprise."""

import pytest
from tests.charts.rendering import environment, helm, one, pods_of, render, template

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

SIMULATED = "exchange.enabled=true"


def test_the_service_is_within_the_cluster_only():
    assert one(render(SIMULATED), "Service", "tradinglab-api")["spec"]["type"] == "ClusterIP"


def test_a_client_is_limited_by_default_and_the_limit_may_be_changed():
    given = environment(pods_of(render(SIMULATED))["api"])
    assert given["TRADINGLAB_RATE_LIMIT_PER_SECOND"]["value"] == "500"
    changed = environment(pods_of(render(SIMULATED, "api.rateLimit.perSecond=0"))["api"])
    assert changed["TRADINGLAB_RATE_LIMIT_PER_SECOND"]["value"] == "0"
    assert changed["TRADINGLAB_RATE_LIMIT_BURST"]["value"] == "1000"


def test_the_key_comes_from_a_secret_for_both_who_need_it():
    pods = pods_of(render(SIMULATED, "api.existingSecret=inference"))
    for program in ("api", "bot"):
        source = environment(pods[program])["TRADINGLAB_API_KEY"]["valueFrom"]["secretKeyRef"]
        assert source == {"name": "inference", "key": "api-key"}


def test_a_limit_below_zero_is_refused():
    assert template(SIMULATED, "api.rateLimit.perSecond=-1").returncode != 0
