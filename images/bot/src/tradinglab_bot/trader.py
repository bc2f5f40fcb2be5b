"""Decides and acts on every closed bar, in order. Started by the bot once it is reconciled.

Per bar: books, snapshots, forecast, step; then decision, inputs, intents and state in one
transaction; only then anything is sent.
"""

import asyncio
import logging
from collections.abc import Mapping
from decimal import Decimal

from tradinglab.adapters.ledger import read_summary
from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.order import CancelIntent, CancelTarget
from tradinglab.engine.decision import Decision, StepFacts
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState
from tradinglab.engine.step import step
from tradinglab.errors import DataError, ExchangeUnavailable, StorageError
from tradinglab.features.columns import SNAPSHOT_COLUMNS
from tradinglab.logs import fields
from tradinglab_bot import story
from tradinglab_bot.books import Books
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.window import Window

log = logging.getLogger(__name__)

DAY_MILLISECONDS = 86_400_000
STORAGE_PAUSE_SECONDS = 5.0


class Trader:
    """`lock` keeps the watch on open orders apart from the work on a bar."""

    def __init__(
        self,
        feed: Feed,
        window: Window,
        forecasts: Forecasts,
        books: Books,
        executor: Executor,
        policy: Policy,
    ) -> None:
        self._feed = feed
        self._window = window
        self._forecasts = forecasts
        self._books = books
        self._executor = executor
        self._policy = policy
        self._lock = asyncio.Lock()
        self._last_bar = books.ledger.last_decided_bar()
        self._forecast_missing = False
        self.decided = 0
        self.problem: str | None = None

    async def run(self, stop: asyncio.Event, max_bars: int) -> None:
        """Until `stop`, or until `max_bars` bars were decided (0: no such end)."""
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set() and not (max_bars and self.decided >= max_bars):
                getting = asyncio.ensure_future(self._feed.queue.get())
                await asyncio.wait({getting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    return
                async with self._lock:
                    await self._on_bar(getting.result())
        finally:
            stopped.cancel()

    async def withdraw(self) -> None:
        """At the end: nobody will look after an entry that fills later, so it is taken back."""
        books = self._books
        if self._last_bar is None or not books.entry_is_live():
            return
        async with self._lock:
            try:
                with books.ledger.transaction():
                    written = self._executor.write(
                        self._last_bar, [CancelIntent(CancelTarget.ENTRY)]
                    )
                await self._executor.run(written)
                await self._protect()
            except (ExchangeUnavailable, StorageError) as error:
                self._note(str(error))

    async def watch(self, seconds: float) -> None:
        """Between bars: fills, and a stop for whatever lacks one, within seconds."""
        while True:
            await asyncio.sleep(seconds)
            if self._last_bar is None:
                continue
            async with self._lock:
                try:
                    await self._executor.resolve()
                    await self._protect()
                    self._note(None)
                except (ExchangeUnavailable, StorageError) as error:
                    self._note(str(error))

    def _note(self, problem: str | None) -> None:
        """A problem is logged and reported once, and so is its end."""
        if (problem is None) != (self.problem is None):
            if problem is None:
                text = "orders are looked after again"
            else:
                text = f"orders cannot be looked after: {problem}"
            log.log(logging.INFO if problem is None else logging.WARNING, text)
            self._alert(text)
        self.problem = problem

    def _alert(self, text: str, kind: str = "error") -> None:
        """Where even the ledger cannot be written, the log must do."""
        try:
            with self._books.ledger.transaction():
                self._books.ledger.add_alert(kind, text)
        except StorageError as error:
            log.debug("alert not recorded", extra=fields(why=str(error)))

    async def _protect(self) -> None:
        price = self._feed.last_price
        if price is not None and self._last_bar is not None:
            await self._executor.keep_protected(self._last_bar, Decimal(repr(price)))

    async def _on_bar(self, bar: Bar) -> None:
        if self._last_bar is not None and bar.open_time <= self._last_bar:
            log.debug("bar decided before", extra=fields(bar_open_time=bar.open_time))
            return
        self._window.append(bar)
        reconciled = await self._reconciled()
        forecast, latest = await self._forecast(bar)
        facts = StepFacts(
            model=self._forecasts.model,
            rules=self._books.rules,
            maker_fee=self._books.account.maker_fee,
            taker_fee=self._books.account.taker_fee,
            behind=not self._feed.queue.empty(),
            reconciled=reconciled,
        )
        state, decision = step(self._books.state, bar, forecast, facts, self._policy)
        await self._record_and_send(bar, forecast, latest, facts, state, decision)

    async def _reconciled(self) -> bool:
        try:
            await self._executor.resolve()
        except (ExchangeUnavailable, StorageError) as error:
            self._note(str(error))
            return False
        self._note(None)
        return True

    async def _forecast(self, bar: Bar) -> tuple[Forecast | None, dict[str, float | None]]:
        """The forecast, and the bar's own snapshot for the record."""
        missing = self._window.missing_bars(self._forecasts.model.window_bars)
        try:
            snapshots = self._window.snapshots()
        except DataError as error:
            log.warning(f"no snapshots: {error}")
            return None, {}
        if snapshots is None:
            log.debug("too few bars for a forecast", extra=fields(bar_open_time=bar.open_time))
            return None, {}
        latest = {
            name: None if value != value else float(value)
            for name, value in zip(SNAPSHOT_COLUMNS, snapshots[-1], strict=True)
        }
        if missing:
            log.info("no forecast over a hole in the bars", extra=fields(missing_bars=missing))
            return None, latest
        forecast = await self._forecasts.forecast(snapshots, bar.open_time)
        if (forecast is None) != self._forecast_missing:
            self._forecast_missing = forecast is None
            if forecast is None:
                self._alert(f"no forecast from the API: {self._forecasts.why_none}")
            else:
                self._alert("the API forecasts again")
        return forecast, latest

    async def _record_and_send(
        self,
        bar: Bar,
        forecast: Forecast | None,
        latest: Mapping[str, float | None],
        facts: StepFacts,
        state: EngineState,
        decision: Decision,
    ) -> None:
        """A ledger that cannot be written stops everything: no order leaves unrecorded."""
        ledger, books = self._books.ledger, self._books
        inputs = {"snapshot": latest, "numbers": decision.numbers}
        while True:
            try:
                with ledger.transaction():
                    ledger.record_decision(
                        bar, decision, forecast, facts.model.digest, inputs, facts.behind, state
                    )
                    written = self._executor.write(bar.open_time, decision.intents)
                break
            except StorageError as error:
                self._note(str(error))
                await asyncio.sleep(STORAGE_PAUSE_SECONDS)
        books.state = state
        log.info(
            story.bar_line(
                bar, facts.bar_milliseconds, forecast, decision, state, facts.rules.quote
            )
        )
        log.debug(decision.explanation, extra=fields(reason=decision.reason, **decision.numbers))
        previous, self._last_bar = self._last_bar, bar.open_time
        self.decided += 1
        try:
            await self._executor.run(written)
            await self._protect()
        except (ExchangeUnavailable, StorageError) as error:
            self._note(str(error))
        if previous is not None:
            self._summarise_day(previous, bar.open_time)

    def _summarise_day(self, previous: int, now: int) -> None:
        day = previous // DAY_MILLISECONDS
        if now // DAY_MILLISECONDS == day:
            return
        ledger = self._books.ledger
        bars = (day * DAY_MILLISECONDS, (day + 1) * DAY_MILLISECONDS)
        summary = read_summary(ledger.path, bars)
        text = story.daily_summary(story.instant(bars[0])[:10], summary, self._books.rules.quote)
        log.info(text)
        self._alert(text, "daily")
