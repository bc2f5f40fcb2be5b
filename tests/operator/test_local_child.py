"""Child processes: tied to the supervisor, stopped with all they started."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tradinglab_operator.local.child import Child, end_all
from tradinglab_operator.local.story import Story

GRANDCHILD = (
    "import subprocess, sys, time;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(p.pid, flush=True); time.sleep(60)"
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(60)"
)


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def wait_until(check: object, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def child(tmp_path: Path, code: str, **settings: object) -> Child:
    return Child("bot", ("-c", code), settings, Story(io.StringIO()), tmp_path)


def logged(tmp_path: Path) -> str:
    path = tmp_path / "bot.log"
    return path.read_text() if path.exists() else ""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = (
        "import io, sys, time; from pathlib import Path;"
        "from tradinglab_operator.local.child import Child;"
        "from tradinglab_operator.local.story import Story;"
        "c = Child('bot', ('-c', 'import time; print(1, flush=True); time.sleep(60)'), {},"
        f" Story(io.StringIO()), Path({str(tmp_path)!r}));"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert wait_until(lambda: logged(tmp_path) != "")
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert wait_until(lambda: not is_alive(pid))
    finally:
        parent.kill()
        parent.wait()


def test_ending_a_child_ends_what_it_started(tmp_path: Path) -> None:
    running = child(tmp_path, GRANDCHILD)
    assert wait_until(lambda: logged(tmp_path).strip().isdigit())
    grandchild = int(logged(tmp_path))
    end_all([running])
    assert running.exit_status() == -signal.SIGTERM
    assert wait_until(lambda: not is_alive(grandchild))


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    running = child(tmp_path, STUBBORN)
    assert wait_until(lambda: "ready" in logged(tmp_path))
    running.ask_to_end()
    running.end(time.monotonic() + 0.2)
    assert running.exit_status() == -signal.SIGKILL


def test_a_child_gets_its_own_settings_and_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADINGLAB_TELEGRAM_TOKEN", "ours")
    code = "import os; print(sorted(k for k in os.environ if k.startswith('TRADINGLAB_')))"
    running = child(tmp_path, code, LISTEN="127.0.0.1:1", BARS=None)
    assert wait_until(lambda: running.exit_status() is not None)
    assert logged(tmp_path).strip() == "['TRADINGLAB_LISTEN', 'TRADINGLAB_LOG_FORMAT']"


def test_the_last_words_of_a_crash_are_kept(tmp_path: Path) -> None:
    running = child(tmp_path, "raise SystemExit('the ledger is on a network file system')")
    assert wait_until(lambda: running.exit_status() is not None)
    assert running.exit_status() == 1
    assert running.last_error == "the ledger is on a network file system"


def test_a_descriptor_is_handed_over(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        code = f"import os; os.write({writing}, b'handed over')"
        running = Child(
            "api", ("-c", code), {}, Story(io.StringIO()), tmp_path, pass_descriptors=(writing,)
        )
        assert wait_until(lambda: running.exit_status() is not None)
        assert os.read(reading, 100) == b"handed over"
    finally:
        os.close(reading)
        os.close(writing)
