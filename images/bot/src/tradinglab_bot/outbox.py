"""Empties the alerts' outbox, oldest first, at least once each. Started by the bot.

Trading never waits for it: alerts lie in the ledger until they are sent. What has piled up goes
together in few messages, so that a chat's rate limit does not make old news of it. A daily summary
is a message of its own, with a picture.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.ledger import Alert
from tradinglab.adapters.ledger.telegram_queries import waiting_alerts
from tradinglab.adapters.telegram_text import TEXT_LIMIT, length
from tradinglab.errors import InputError, RetryLater, StorageError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
REFUSED_PAUSE_SECONDS = 60.0
DEFAULT_PAUSE_SECONDS = 5.0
DAILY = "daily"
MOST_TOGETHER = 50
SEPARATOR = "\n"

Pictures = Callable[[int], Awaitable[bytes | None]]


class Sender(Protocol):
    """Raises InputError, or RetryLater with `retry_after_seconds` and `unsent`, if known."""

    async def send(self, text: str) -> None: ...

    async def send_picture(self, picture: bytes, caption: str) -> None: ...


@dataclass(frozen=True)
class Bundle:
    """Alerts that go together: as they are tried again, so that none is sent in two bundles."""

    alerts: tuple[Alert, ...]
    text: str
    picture: bytes | None = None
    sent: bool = False


class Outbox:
    """Without a sender alerts stay what they are in the log, and are marked as done. `pictures`
    gives the picture that goes with a daily summary, by the alert's id."""

    def __init__(
        self, ledger: Ledger, sender: Sender | None, pictures: Pictures | None = None
    ) -> None:
        self._ledger = ledger
        self._sender = sender
        self._pictures = pictures
        self._failing = False
        self._bundle: Bundle | None = None
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        while True:
            try:
                pause_seconds = await self.send_next()
            except StorageError as error:
                log.debug("the outbox cannot be written", extra=fields(why=str(error)))
                pause_seconds = DEFAULT_PAUSE_SECONDS
            await asyncio.sleep(pause_seconds)

    async def drain(self, seconds: float) -> None:
        """At the end, `run` may still be at it: what can be sent within the time; the rest waits
        for the next start."""
        try:
            async with asyncio.timeout(seconds):
                while self._ledger.next_alert() is not None:
                    pause_seconds = await self.send_next()
                    await asyncio.sleep(pause_seconds)
        except (TimeoutError, StorageError):
            log.warning("alerts wait for the next start")

    async def send_next(self) -> float:
        """Sends the oldest alerts; returns how many seconds to wait before the next try."""
        async with self._lock:
            return await self._send_next()

    async def _send_next(self) -> float:
        if self._bundle is None:
            self._bundle = await self._next_bundle()
        bundle = self._bundle
        if bundle is None:
            return LOOK_SECONDS
        try:
            await self._send(bundle)
        except RetryLater as error:
            # After a restart it is sent whole: a part twice rather than not at all.
            unsent = str(getattr(error, "unsent", bundle.text))
            self._bundle = Bundle(bundle.alerts, unsent, bundle.picture)
            self._failed(bundle, str(error))
            return float(getattr(error, "retry_after_seconds", DEFAULT_PAUSE_SECONDS))
        except InputError as error:
            # A picture may be what is refused; a text alone is then tried next.
            self._bundle = Bundle(bundle.alerts, bundle.text)
            self._failed(bundle, str(error))
            return REFUSED_PAUSE_SECONDS if bundle.picture is None else 0.0
        # Where this cannot be recorded, it is at least not sent again and again.
        self._bundle = replace(bundle, sent=True)
        with self._ledger.transaction():
            for alert in bundle.alerts:
                self._ledger.mark_alert_sent(alert.id)
        self._bundle = None
        if self._failing:
            log.info("alerts are sent again")
            self._failing = False
        return 0.0

    async def _next_bundle(self) -> Bundle | None:
        first = self._ledger.next_alert()
        if first is None:
            return None
        if self._sender is None:
            return Bundle((first,), first.text)
        if first.kind == DAILY:
            picture = None if self._pictures is None else await self._pictures(first.id)
            return Bundle((first,), first.text, picture)
        together: list[Alert] = []
        room = TEXT_LIMIT
        for alert in waiting_alerts(self._ledger.path, MOST_TOGETHER):
            room -= length(alert.text) + len(SEPARATOR)
            if together and (room < 0 or alert.kind == DAILY):
                break
            together.append(alert)
        return Bundle(tuple(together), SEPARATOR.join(alert.text for alert in together))

    async def _send(self, bundle: Bundle) -> None:
        if self._sender is None or bundle.sent:
            return
        if bundle.picture is None:
            await self._sender.send(bundle.text)
        else:
            await self._sender.send_picture(bundle.picture, bundle.text)

    def _failed(self, bundle: Bundle, why: str) -> None:
        if not self._failing:
            log.warning("alerts wait", extra=fields(why=why))
            self._failing = True
        with self._ledger.transaction():
            for alert in bundle.alerts:
                self._ledger.mark_alert_failed(alert.id, why)
