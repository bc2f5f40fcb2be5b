"""Listens to the account's events and has the books looked at when one concerns them.

Started by the bot beside the trader. Without the stream nothing is lost: the trader looks at the
orders by REST at every bar and every few seconds anyway; with it, it looks within milliseconds.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import aclosing

from tradinglab.errors import ExchangeUnavailable
from tradinglab.logs import fields
from tradinglab.ports.account_events import AccountEvent, AccountEventKind, AccountEvents

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0


class AccountWatch:
    """`known` tells whether an execution is in the books already, `look` has them looked at."""

    def __init__(
        self, stream: AccountEvents, known: Callable[[int], bool], look: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._known = known
        self._look = look
        self._heard_at = time.monotonic()
        self.connected = False
        self.reconnects = 0
        self.events = 0

    async def run(self) -> None:
        """For ever; reconnects with jittered back-off."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with aclosing(self._stream.events()) as events:  # type: ignore[type-var]
                    async for event in events:
                        pause = FIRST_PAUSE_SECONDS
                        self._take(event)
            except ExchangeUnavailable as error:
                if self.connected:
                    log.warning(
                        "account stream lost, orders are looked at by REST",
                        extra=fields(why=str(error)),
                    )
                else:
                    log.debug("no account stream", extra=fields(why=str(error)))
                self.connected = False
                self.reconnects += 1
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _take(self, event: AccountEvent) -> None:
        self.events += 1
        log.debug(
            "account event",
            extra=fields(kind=event.kind.value, trade=event.trade_id, order=event.client_id),
        )
        if event.kind is AccountEventKind.SUBSCRIBED:
            self.connected = True
            log.info("account stream connected", extra=fields(reconnects=self.reconnects))
        if event.kind is AccountEventKind.EXECUTION and self._known(event.trade_id):
            return
        self._look()
