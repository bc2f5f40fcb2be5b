"""What a person reads: the lines of every program, and one line of training progress.

Used by the embedded default. On a terminal the program's name is coloured and the progress line
is redrawn in place; elsewhere every line stands for itself.
"""

import contextlib
import json
import logging
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

COLOURS = {
    "operator": 36,
    "exchange": 35,
    "trainer": 33,
    "api": 34,
    "bot": 32,
}
DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}")
WIDTH = max(map(len, COLOURS))
QUIET_SECONDS = 5.0
QUIET_PERCENT = 10
# Progress has its own line.
HIDDEN = {("trainer", "training")}
SHOWN_ELSEWHERE = {"time", "level", "logger", "message", "exception"}


@dataclass
class Story:
    """Thread-safe; `stream` is standard output."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _progress: str = ""
    _last_percent: int = -QUIET_PERCENT
    _last_shown: float = 0.0

    @property
    def on_terminal(self) -> bool:
        return not self.stream.closed and self.stream.isatty()

    def line(self, program: str, text: str, level: str = "INFO", at: str = "") -> None:
        """One line of one program, with the time at which it was written."""
        text = DIGEST.sub(r"sha256:\1…", text)
        moment = at or f"{datetime.now(UTC):%H:%M:%S}"
        mark = "" if level in ("INFO", "DEBUG") else f"{level} "
        if self.on_terminal:
            name = f"\x1b[{COLOURS.get(program, 37)}m{program:<{WIDTH}}\x1b[0m"
            loud = f"\x1b[1;31m{mark}\x1b[0m" if mark else ""
            self._write(f"\x1b[2m{moment}\x1b[0m {name} {loud}{text}")
        else:
            self._write(f"{moment} {program:<{WIDTH}} {mark}{text}")

    def plain(self, text: str) -> None:
        self._write(text)

    def _write(self, text: str) -> None:
        with self._lock:
            redrawn = self._progress if self._progress and self.on_terminal else ""
            clear = "\r\x1b[K" if redrawn else ""
            self._emit(f"{clear}{text}\n{redrawn}")

    def _emit(self, text: str) -> None:
        """A terminal that was closed or a pipe that nobody reads must not stop the programs."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()

    def child_line(self, program: str, raw: str) -> str:
        """Shows one log line of a child; returns its text if it may explain a failure.

        What is no log line is not shown: it is in the program's own log file.
        """
        try:
            document = json.loads(raw)
            message, level = str(document["message"]), str(document["level"])
        except (ValueError, KeyError, TypeError):
            return raw.strip()  # a library's chatter, or the last words of a crash
        if (program, message) in HIDDEN:
            return ""
        pairs = "".join(
            f" {key}={value}" for key, value in document.items() if key not in SHOWN_ELSEWHERE
        )
        self.line(program, message + pairs, level, str(document.get("time", ""))[11:19])
        for extra in str(document.get("exception", "")).splitlines():
            self.line(program, f"  {extra}")
        return message + pairs if level in ("ERROR", "CRITICAL") else ""

    def progress(self, stage: str, percent: float, detail: str) -> None:
        """How far the training is."""
        bar = "█" * int(percent / 5)
        text = f"training [{bar:<20}] {percent:3.0f} %  {stage}: {detail}"
        with self._lock:
            if self.on_terminal:
                self._progress = f"\r\x1b[K\x1b[33m{text[:110]}\x1b[0m"
                self._emit(self._progress)
                return
            now = time.monotonic()
            whole = int(percent)
            if (
                whole - self._last_percent >= QUIET_PERCENT
                or now - self._last_shown > QUIET_SECONDS
            ) and whole != self._last_percent:
                self._last_percent, self._last_shown = whole, now
                self.line("trainer", f"{percent:3.0f} % {stage}: {detail}")

    def end_progress(self) -> None:
        with self._lock:
            if self._progress and self.on_terminal:
                self._emit("\r\x1b[K")
            self._progress, self._last_percent = "", -QUIET_PERCENT


class StoryHandler(logging.Handler):
    """The operator's own log lines, told like everybody else's."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self._story = story

    def emit(self, record: logging.LogRecord) -> None:
        pairs = dict(getattr(record, "fields", {}))
        text = record.getMessage() + "".join(f" {key}={value}" for key, value in pairs.items())
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._story.line("operator", text, record.levelname)
