"""Listens to the account's events and has the books looked at when one concerns them.

Started by the bot beside the trader. Without the stream nothing is lost: the trader looks at the
orders by REST at every bar and every few seconds anyway; with it, it looks within milliseconds.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing

from tradinglab.errors import ConfigurationError, ExchangeUnavailable, StorageError
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
        self._is_told = False
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
            except (ExchangeUnavailable, ConfigurationError) as error:
                # Said once, not at each attempt; a key that may not listen may still trade.
                log.log(
                    logging.DEBUG if self._is_told else logging.WARNING,
                    "no account stream, orders are looked at by REST",
                    extra=fields(why=str(error)),
                )
                self._is_told, self.connected = True, False
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
            self.connected, self._is_told = True, False
            log.info("account stream connected", extra=fields(reconnects=self.reconnects))
        if event.kind is not AccountEventKind.EXECUTION or not self._is_known(event.trade_id):
            self._look()

    def _is_known(self, trade_id: int) -> bool:
        """Where the ledger cannot be read now, a look that is not needed does no harm."""
        try:
            return self._known(trade_id)
        except StorageError:
            return False
