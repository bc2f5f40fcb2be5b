"""One child process: started tied to this one, listened to, stopped with all it started.

Used by the parts of the embedded default. Must be started from the main thread, for the kernel
counts the end of the starting thread as the end of the parent.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from tradinglab_operator.local.story import Story

PREFIX = "TRADINGLAB_"
GRACE_SECONDS = 8.0
MAX_LOG_BYTES = 5_000_000


def clean_environment() -> dict[str, str]:
    """Ours without the product's own settings: what a child gets of those is given to it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _opened_log(path: Path) -> BinaryIO:
    """All that the program prints goes there; one older file is kept when it grows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


class Child:
    """`settings` are the program's, without their prefix; None leaves one out."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        settings: Mapping[str, object | None],
        story: Story,
        logs: Path,
        *,
        niceness: int = 0,
        pass_descriptors: Sequence[int] = (),
    ) -> None:
        environment = clean_environment()
        for name, value in {**settings, "LOG_FORMAT": "json"}.items():
            if value is not None:
                environment[PREFIX + name] = str(value)
        tether = ("-m", "tradinglab_operator.local.tether", str(os.getpid()), str(niceness))
        self.program = program
        self.last_error = ""
        self._story = story
        self._log_path = logs / f"{program}.log"
        self._process = subprocess.Popen(
            [sys.executable, *tether, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            pass_fds=tuple(pass_descriptors),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with _opened_log(self._log_path) as log:
            for line in stream:
                log.write(line)
                log.flush()
                error = self._story.child_line(self.program, line.decode("utf-8", "replace"))
                self.last_error = error or self.last_error

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_status(self) -> int | None:
        """None while it runs; negative if a signal ended it. Its last words have been heard."""
        status = self._process.poll()
        if status is not None:
            self._listener.join(timeout=2.0)
        return status

    def ask_to_end(self) -> None:
        self._signal(signal.SIGTERM)

    def end(self, deadline: float | None = None) -> None:
        """Waits until `deadline` (monotonic) for it to end by itself, then kills its group."""
        until = time.monotonic() + GRACE_SECONDS if deadline is None else deadline
        try:
            self._process.wait(max(0.05, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._signal(signal.SIGKILL)  # whatever it left behind in its group
        self._listener.join(timeout=2.0)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def end_all(children: Sequence[Child]) -> None:
    """Ends all at once: asks each, then waits for all up to one deadline."""
    for child in children:
        child.ask_to_end()
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        child.end(deadline)
