"""Programs of the product as child processes, for the bot's integration tests.

Each writes its JSON log into a file that tests read; every process is ended by its id.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PREFIX = "TRADINGLAB_"
KEY, SECRET = "marker-key-1f0c", "marker-secret-9b7e"
PATIENCE_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[2]  # whence tests are importable


class Program:
    """A running `python -m <module>`; settings are given without their prefix."""

    def __init__(
        self,
        module: str,
        log: Path,
        settings: dict[str, object],
        environment: dict[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        ours = {PREFIX + name: str(value) for name, value in settings.items()}
        self.log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={
                    **kept,
                    **(environment or {}),
                    PREFIX + "LOG_FORMAT": "json",
                    "PYTHONUNBUFFERED": "1",
                    **ours,
                },
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        return self._process.poll()

    def lines(self) -> list[dict[str, Any]]:
        """What it logged so far; lines that are no JSON (a crash) as their text."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"message": line})
        return found

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL: what a power cut does to it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit status; the log's tail explains a timeout."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running; its log ends: {self.text()[-2000:]}") from None

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(8)
            except subprocess.TimeoutExpired:
                self.kill()


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The condition's first true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:g} s in vain for {what}")


async def until_async(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS
) -> Any:
    """As `until`, leaving the loop to servers that run in the test itself."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited {seconds:g} s in vain for {what}")


@contextmanager
def exchange(folder: Path, **settings: object) -> Iterator[str]:
    """The exchange program on a free port; yields host:port."""
    program = Program(
        "tradinglab_exchange.main",
        folder / "exchange.log",
        {"LISTEN": "127.0.0.1:0", "API_KEY": KEY, "API_SECRET": SECRET, **settings},
    )
    try:
        yield until(
            lambda: next(
                (line["address"] for line in program.lines() if line["message"] == "listening"),
                None,
            ),
            f"the exchange to listen: {program.text()}",
        )
    finally:
        program.end()


def bot(
    folder: Path,
    exchange_address: str,
    api_url: str,
    module: str = "tradinglab_bot.main",
    environment: dict[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    **settings: object,
) -> Program:
    """The bot on this exchange and API, its ledger in `folder`."""
    return Program(
        module,
        folder / "bot.log",
        {
            "API_URL": api_url,
            "EXCHANGE_REST_URL": f"http://{exchange_address}",
            "EXCHANGE_STREAM_URL": f"ws://{exchange_address}",
            "EXCHANGE_KEY": KEY,
            "EXCHANGE_SECRET": SECRET,
            "LEDGER": folder / "ledger.db",
            **settings,
        },
        environment,
        arguments,
    )
