"""The embedded default whole: every real program, from an artifact that was dropped by hand."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.api.artifacts import MODEL, small_artifact

from tradinglab.adapters.ledger.summary import LedgerSummary, read_summary
from tradinglab.errors import TradinglabError

NAMESPACE, NAME = MODEL.split("/")
MANIFEST = f"""
apiVersion: tradinglab.dev/v1alpha1
kind: TradingModel
metadata: {{name: {NAME}, namespace: {NAMESPACE}}}
spec:
  market: {{symbol: BTC/USDT, history: 180d}}
"""


class Lab:
    """`tradinglab-operator run` on one data directory."""

    def __init__(self, path: Path) -> None:
        self.data, self.manifest = path / "data", path / "model.yaml"
        self.log = path / "story.log"
        self.manifest.write_text(MANIFEST)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        program = [sys.executable, "-m", "tradinglab_operator.main", "run", "--speed", "10"]
        return [*program, "--manifest", str(self.manifest), "--data", str(self.data)]

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=subprocess.STDOUT)
        return self.process

    def ledger(self) -> LedgerSummary | None:
        try:
            return read_summary(self.data / "ledger" / "ledger.db")
        except TradinglabError:
            return None

    def decided(self) -> int:
        ledger = self.ledger()
        return ledger.bars_decided if ledger else 0

    def wait_for(self, check: Callable[[], bool], seconds: float = 90.0) -> None:
        until = time.monotonic() + seconds
        while not check():
            told = self.log.read_text()[-3000:]
            assert time.monotonic() < until, told
            assert self.process is not None and self.process.poll() is None, told
            time.sleep(0.1)


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in listed.split()]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def gone(pids: list[int]) -> bool:
    until = time.monotonic() + 5
    while any(is_running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(is_running(pid) for pid in pids)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    small_artifact(made.data / "volume")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="children are listed under /proc")
def test_it_trades_survives_a_kill_resumes_and_stops_clean(lab: Lab) -> None:
    first = lab.start()
    lab.wait_for(lambda: lab.decided() >= 10)
    assert "is served" in lab.log.read_text()

    refused = subprocess.run(lab.command(), capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert f"in use by process {first.pid}" in refused.stderr

    children = children_of(first.pid)
    assert len(children) == 3, "exchange, API and bot"
    first.kill()
    first.wait()
    assert gone(children), "a killed supervisor leaves nothing behind"
    before = lab.decided()

    second = lab.start()
    lab.wait_for(lambda: lab.decided() >= before + 10)
    children = children_of(second.pid)
    second.send_signal(signal.SIGINT)
    assert second.wait(30) == 0
    assert gone(children)
    assert "the same command goes on from there" in lab.log.read_text()
    ledger = lab.ledger()
    assert ledger is not None and ledger.first_bar is not None and ledger.last_bar is not None
    bars = (ledger.last_bar - ledger.first_bar) // 3_600_000 + 1
    assert ledger.bars_decided == bars, "no bar was missed or decided twice"
    assert ledger.forecasts == bars
