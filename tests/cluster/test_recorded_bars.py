"""One training on recorded bars of the real market, through the simulator, on a real cluster.

Run by `make e2e`, after the seeded market. RECORDED_BARS names another file of the same format.
"""

import os
from pathlib import Path

import pytest
import yaml
from tests.cluster.kube import IMAGE_VALUES, ROOT, Namespace, wait_for
from tests.cluster.step_times import say

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

DEFAULT = ROOT.parent / "shared" / "data" / "btcusdt-1h-2017-2023.csv.gz"
BARS = Path(os.environ.get("RECORDED_BARS") or DEFAULT)
FILE = "bars.csv.gz"
MANIFEST = yaml.safe_load((ROOT / "manifests" / "demo.yaml").read_text())


@pytest.fixture(scope="module")
def recorded(cluster, images):
    if not BARS.is_file():
        pytest.skip(f"{BARS} does not exist; set RECORDED_BARS")
    namespace = Namespace(cluster, "recorded")
    namespace.create()
    return namespace


def loader_documents():
    """A claim, and a pod that holds it open for the file."""
    image = yaml.safe_load(IMAGE_VALUES.read_text())["images"]["exchange"]
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "bars"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "100Mi"}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "loader"},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "loader",
                        "image": f"{image['repository']}:{image['tag']}",
                        "command": ["python", "-c", "import time; time.sleep(3600)"],
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "volumeMounts": [{"name": "bars", "mountPath": "/bars"}],
                    }
                ],
                "volumes": [{"name": "bars", "persistentVolumeClaim": {"claimName": "bars"}}],
            },
        },
    ]


def test_recorded_bars_reach_the_simulator(recorded):
    recorded.apply(*loader_documents())
    recorded.kubectl("wait", "pod/loader", "--for=condition=Ready", "--timeout=90s")
    write = f"import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open('/bars/{FILE}', 'wb'))"
    recorded.kubectl("exec", "-i", "loader", "--", "python", "-c", write, given=BARS.read_bytes())
    recorded.kubectl("delete", "pod", "loader")
    recorded.install(
        "exchange.source=bars",
        "exchange.bars.existingClaim=bars",
        f"exchange.bars.file={FILE}",
        "exchange.liveBars=400",
        "exchange.barsPerSecond=8",
    )
    for deployment in ("tradinglab-operator", "tradinglab-exchange"):
        recorded.rolled_out(deployment)


def test_five_years_of_real_bars_are_trained_on_and_judged(recorded):
    spec = {**MANIFEST["spec"], "market": {**MANIFEST["spec"]["market"], "history": "5y"}}
    recorded.apply({**MANIFEST, "spec": spec})

    def look():
        status = recorded.model().get("status", {})
        if status.get("consecutiveFailures"):
            raise AssertionError(status["lastRun"])
        judged = status.get("current") or status.get("rejected")
        return status if status.get("lastRun") and judged else None

    status = wait_for("a judged artifact", 600, look, every=2)
    assert status["lastRun"]["outcome"] == "Succeeded"
    current = status.get("current")
    if current is None:
        say(f"not servable: {status['rejected'][-1]['reason']}")
        return
    say(f"{current['version']}: {current['verdict']}, {current['verdictReason']}")
    wait_for("Ready", 120, lambda: recorded.condition("Ready").get("status") == "True")
    wait_for(
        "decisions on real bars",
        120,
        lambda: recorded.ledger("SELECT count(*) FROM decisions")[0][0] >= 50,
    )
    reasons = recorded.ledger("SELECT reason, count(*) FROM decisions GROUP BY 1 ORDER BY 2 DESC")
    say(", ".join(f"{count} {reason}" for reason, count in reasons))
