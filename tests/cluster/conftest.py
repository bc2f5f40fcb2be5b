"""The cluster and the images of the end-to-end tests, and the time each step takes."""

import os
import time

import pytest
from tests.cluster.kube import ROOT, Cluster, run
from tests.cluster.step_times import say


@pytest.fixture(scope="session")
def cluster():
    """From nothing; removed at the end unless KEEP_CLUSTER is set."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.fail("make e2e needs Linux and root: it starts a cluster of its own")
    Cluster.stop()
    begun = time.monotonic()
    cluster = Cluster.start()
    say(f"cluster started ({time.monotonic() - begun:.1f} s)")
    yield cluster
    if not os.environ.get("KEEP_CLUSTER"):
        begun = time.monotonic()
        Cluster.stop()
        say(f"cluster removed ({time.monotonic() - begun:.1f} s)")


@pytest.fixture(scope="session")
def images(cluster):
    begun = time.monotonic()
    for line in run(str(ROOT / "images" / "build"), seconds=1500).splitlines():
        say(line)
    say(f"images built ({time.monotonic() - begun:.1f} s)")
    begun = time.monotonic()
    cluster.load_images()
    say(f"images loaded ({time.monotonic() - begun:.1f} s)")


@pytest.fixture(autouse=True)
def step(request):
    begun = time.monotonic()
    yield
    name = request.node.name.removeprefix("test_").replace("_", " ")
    say(f"{name} ({time.monotonic() - begun:.1f} s)")
