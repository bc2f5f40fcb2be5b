"""Empties the alerts' outbox, oldest first, at least once each. Started by the bot.

Trading never waits for it: alerts lie in the ledger until they are sent.
"""

import asyncio
import logging
from typing import Protocol

from tradinglab.adapters.ledger import Ledger
from tradinglab.errors import InputError, RetryLater, StorageError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
REFUSED_PAUSE_SECONDS = 60.0
DEFAULT_PAUSE_SECONDS = 5.0


class Sender(Protocol):
    async def send(self, text: str) -> None:
        """Raises InputError, or RetryLater with `retry_after_seconds` and `unsent`, if known."""


class Outbox:
    """Without a sender alerts stay what they are in the log, and are marked as done."""

    def __init__(self, ledger: Ledger, sender: Sender | None) -> None:
        self._ledger = ledger
        self._sender = sender
        self._failing = False
        self._rest: tuple[int, str] | None = None

    async def run(self) -> None:
        while True:
            try:
                pause_seconds = await self.send_next()
            except StorageError as error:
                log.debug("the outbox cannot be written", extra=fields(why=str(error)))
                pause_seconds = DEFAULT_PAUSE_SECONDS
            await asyncio.sleep(pause_seconds)

    async def drain(self, seconds: float) -> None:
        """At the end: what can be sent within the time; the rest waits for the next start."""
        try:
            async with asyncio.timeout(seconds):
                while self._ledger.next_alert() is not None:
                    pause_seconds = await self.send_next()
                    await asyncio.sleep(pause_seconds)
        except (TimeoutError, StorageError):
            log.warning("alerts wait for the next start")

    async def send_next(self) -> float:
        """Sends the oldest alert; returns how many seconds to wait before the next try."""
        alert = self._ledger.next_alert()
        if alert is None:
            return LOOK_SECONDS
        rest = self._rest
        text = rest[1] if rest is not None and rest[0] == alert.id else alert.text
        try:
            if self._sender is not None:
                await self._sender.send(text)
        except RetryLater as error:
            # After a restart it is sent whole: a part twice rather than not at all.
            self._rest = (alert.id, getattr(error, "unsent", text))
            self._failed(alert.id, str(error))
            return float(getattr(error, "retry_after_seconds", DEFAULT_PAUSE_SECONDS))
        except InputError as error:
            self._failed(alert.id, str(error))
            return REFUSED_PAUSE_SECONDS
        with self._ledger.transaction():
            self._ledger.mark_alert_sent(alert.id)
        if self._failing:
            log.info("alerts are sent again")
            self._failing = False
        return 0.0

    def _failed(self, alert_id: int, why: str) -> None:
        if not self._failing:
            log.warning("alerts wait", extra=fields(why=why))
            self._failing = True
        with self._ledger.transaction():
            self._ledger.mark_alert_failed(alert_id, why)
