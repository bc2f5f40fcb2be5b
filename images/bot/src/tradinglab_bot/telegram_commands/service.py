"""Telegram's commands as one part of the bot: made before the market is known, told of it later.

Called by the bot's wiring.
"""

import logging
import time
from collections.abc import Callable

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.drift_record import Measurement
from tradinglab.domain.forecast import ModelFacts
from tradinglab.errors import ForecastUnavailable, TradinglabError
from tradinglab.logs import fields
from tradinglab.ports.chat import Chats
from tradinglab_bot.books import Books
from tradinglab_bot.controls import TRAINING_WANTED, LedgerControls
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.log_tail import KEPT_LINES, LogTail
from tradinglab_bot.settings import BotSettings
from tradinglab_bot.telegram_commands.listener import Listener
from tradinglab_bot.telegram_commands.moment import Moment

log = logging.getLogger(__name__)


class TelegramCommands:
    """`problems` says what is wrong with the bot right now."""

    def __init__(
        self,
        settings: BotSettings,
        ledger: Ledger,
        chats: Chats,
        controls: LedgerControls,
        problems: Callable[[], list[str]],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._controls = controls
        self._problems = problems
        self._started = time.monotonic()
        self._tail = LogTail()
        self._books: Books | None = None
        self._forecasts: Forecasts | None = None
        self._feed: Feed | None = None
        self._allowed = settings.command_chats
        self._listener = Listener(chats, ledger, self._allowed, controls, self.moment)

    def attach(self, books: Books, forecasts: Forecasts, feed: Feed) -> None:
        """The market is known and the account reconciled."""
        self._books, self._forecasts, self._feed = books, forecasts, feed

    async def run(self) -> None:
        """Returns at once where no chat is listed."""
        if not self._allowed:
            log.info("no chat may send commands: TELEGRAM_CHAT is no number")
            return
        root = logging.getLogger()
        root.addHandler(self._tail)
        try:
            log.info("commands are read", extra=fields(chats=",".join(sorted(self._allowed))))
            await self._listener.run()
        finally:
            root.removeHandler(self._tail)

    def moment(self) -> Moment:
        books, feed, model = self._books, self._feed, self._model()
        return Moment(
            ledger=self._ledger.path,
            policy=self._settings.policy,
            now=time.time_ns() // 1_000_000,
            uptime_seconds=time.monotonic() - self._started,
            state=self._controls.state,
            base=books.rules.base if books else "base",
            quote=books.rules.quote if books else "quote",
            model=model,
            drift=self._drift(model),
            price=feed.last_price if feed else None,
            feed_age_seconds=feed.age_seconds if feed else None,
            problems=tuple(self._problems()),
            logs=self._tail.newest(KEPT_LINES),
            resource=self._settings.training_request_model,
            training_wanted=bool(self._ledger.value(TRAINING_WANTED)),
        )

    def _model(self) -> ModelFacts | None:
        try:
            return self._forecasts.model if self._forecasts else None
        except ForecastUnavailable:
            return None

    def _drift(self, model: ModelFacts | None) -> Measurement | None:
        try:
            return None if model is None else self._ledger.drift.last(model.digest)
        except TradinglabError:
            return None
