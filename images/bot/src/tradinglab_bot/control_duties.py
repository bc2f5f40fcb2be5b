"""Carries out what a person has changed and the ledger still asks for. Started by the bot.

Looks at the state alone, so that it goes on after a crash where it was: entries that rest while
they may not, a position to be sold, a training to be asked for.
"""

import asyncio
import logging
import time

from tradinglab.adapters.ledger import Ledger
from tradinglab.engine.state import TradingMode
from tradinglab.errors import ExchangeUnavailable, StorageError
from tradinglab.logs import fields
from tradinglab.ports.training_requests import RequestNotTaken, TrainingRequests
from tradinglab.resource.training_request import TrainingRequest
from tradinglab_bot.books import Books
from tradinglab_bot.controls import EXIT_WANTED, TRAINING_WANTED
from tradinglab_bot.trader import Trader

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
EXIT_ATTEMPTS = 5
ASK_AGAIN_SECONDS = 60.0


class ControlDuties:
    """`requests` None: nobody is asked for a training."""

    def __init__(
        self, ledger: Ledger, books: Books, trader: Trader, requests: TrainingRequests | None
    ) -> None:
        self._ledger = ledger
        self._books = books
        self._trader = trader
        self._requests = requests
        self._attempts = 0
        self._problem = ""
        self._ask_at = 0.0

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except (ExchangeUnavailable, StorageError) as error:
                self._note(str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        state = self._books.state
        if self._ledger.value(EXIT_WANTED):
            await self._exit()
        elif (state.entries_paused or state.mode is TradingMode.HALTED) and (
            self._books.entry_is_live()
        ):
            await self._trader.withdraw()
        if self._requests is not None and time.monotonic() >= self._ask_at:
            wanted = self._ledger.value(TRAINING_WANTED)
            if wanted:
                await self._ask(self._requests, wanted)

    async def _exit(self) -> None:
        books = self._books
        if books.state.position is None and not books.entry_is_live():
            self._done(EXIT_WANTED, "nothing is held any more")
            self._attempts = 0
            return
        if self._attempts >= EXIT_ATTEMPTS:
            self._attempts = 0
            self._done(
                EXIT_WANTED,
                f"the last {EXIT_ATTEMPTS} attempts to sell sold nothing; /order shows what is "
                "left, its stop is looked after",
            )
            return
        before = books.state.base
        await self._trader.sell_all()
        self._attempts = 0 if books.state.base < before else self._attempts + 1

    async def _ask(self, requests: TrainingRequests, wanted: str) -> None:
        digest, _, by = wanted.partition(" ")
        try:
            await requests.ask(TrainingRequest(digest, f"asked for by {by}"))
        except RequestNotTaken as error:
            self._ask_at = time.monotonic() + ASK_AGAIN_SECONDS
            self._note(f"a training cannot be asked for: {error}; tried again every minute")
            return
        with self._ledger.transaction():
            self._ledger.drift.mark_asked(digest, f"asked for by {by}")
            self._done(TRAINING_WANTED, "the operator has the request for a training")

    def _done(self, key: str, text: str) -> None:
        with self._ledger.transaction():
            self._ledger.set_value(key, "")
            self._ledger.add_alert("control", text)
        self._problem = ""
        log.info(text)

    def _note(self, problem: str) -> None:
        """Said once, not at every attempt."""
        if problem == self._problem:
            return
        self._problem = problem
        log.warning("not done yet", extra=fields(why=problem))
        try:
            with self._ledger.transaction():
                self._ledger.add_alert("error", problem)
        except StorageError as error:
            log.debug("alert not recorded", extra=fields(why=str(error)))
