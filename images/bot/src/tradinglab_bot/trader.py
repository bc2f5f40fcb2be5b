"""Decides and acts on every closed bar, in order. Started by the bot once it is reconciled.

Per bar: books, snapshots, forecast, step; then decision, inputs, intents and state in one
transaction; only then anything is sent.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

from tradinglab.adapters.ledger import read_summary
from tradinglab.adapters.ledger.encoding import WrittenIntent
from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.market import MILLISECONDS
from tradinglab.domain.order import CancelIntent, CancelTarget, ExitIntent, Intent
from tradinglab.engine.decision import StepFacts
from tradinglab.engine.policy import Policy
from tradinglab.engine.step import step
from tradinglab.errors import DataError, ExchangeUnavailable, StorageError
from tradinglab.features.columns import SNAPSHOT_COLUMNS
from tradinglab.logs import fields
from tradinglab_bot import story
from tradinglab_bot.books import Books
from tradinglab_bot.drift_watch import DriftWatch
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.stages import Stages
from tradinglab_bot.window import Window, bars_needed

log = logging.getLogger(__name__)

DAY_MILLISECONDS = MILLISECONDS["d"]
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
        drift: DriftWatch,
    ) -> None:
        self._feed = feed
        self._window = window
        self._forecasts = forecasts
        self._books = books
        self._executor = executor
        self._policy = policy
        self._drift = drift
        self._lock = asyncio.Lock()
        self._last_bar = books.ledger.last_decided_bar()
        self._previous_bar: int | None = None
        self._forecast_missing = False
        self._unrecorded = False
        self._stop = asyncio.Event()
        self._something_happened = asyncio.Event()
        self.decided = 0
        self.stages = Stages()
        self.busy_since: float | None = None
        self.problem: str | None = None

    async def run(self, stop: asyncio.Event, max_bars: int) -> None:
        """Until `stop`, or until `max_bars` bars were decided (0: no such end)."""
        self._stop = stop
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set() and not (max_bars and self.decided >= max_bars):
                getting = asyncio.ensure_future(self._feed.queue.get())
                await asyncio.wait({getting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    return
                self.busy_since = time.monotonic()
                await self._on_bar(getting.result())
                self.busy_since = None
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

    async def sell_all(self) -> None:
        """A person wants out: an entry is taken back, and what is held goes at the market, as much
        as one order may sell. Raises ExchangeUnavailable or StorageError."""
        books, executor = self._books, self._executor
        if self._last_bar is None:
            return
        async with self._lock:
            await executor.resolve()
            position = books.state.position
            intents: list[Intent] = []
            if books.entry_is_live():
                intents.append(CancelIntent(CancelTarget.ENTRY))
            if position is not None:
                quantity = books.rules.floor_market_quantity(position.quantity)
                intents += [CancelIntent(CancelTarget.PROTECTION), ExitIntent(quantity, None)]
            with books.ledger.transaction():
                written = executor.write(self._last_bar, intents)
            await executor.run(written)
            await self._protect()

    async def watch(self, seconds: float) -> None:
        """Between bars: fills, and a stop for whatever lacks one. At each event of the account,
        and without any every `seconds`."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._something_happened.wait(), seconds)
            self._something_happened.clear()
            if self._last_bar is None:
                continue
            async with self._lock:
                try:
                    await self._executor.resolve()
                    await self._protect()
                    if not self._unrecorded:
                        self._note(None)
                except (ExchangeUnavailable, StorageError) as error:
                    self._note(str(error))

    def look(self) -> None:
        """Wakes the watch: something happened to the account."""
        self._something_happened.set()

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
        forecast, latest = await self._forecast(bar)
        while True:
            async with self._lock:
                with self.stages.timed("decide"):
                    written = await self._decide(bar, forecast, latest)
                if written is not None:
                    if self._feed.queue.empty():
                        waited = time.monotonic() - self._feed.emitted_at
                        self.stages.add("close_to_order", waited)
                    with self.stages.timed("send"):
                        await self._send(written)
                    break
            if await self._stopped_within(STORAGE_PAUSE_SECONDS):
                return  # the bar is decided after the next start
        log.debug("bar done", extra=fields(bar=bar.open_time, **self.stages.milliseconds()))
        await self._drift.after_bar(bar.open_time, self._forecasts.model, self._window)
        if self._previous_bar is not None:
            self._summarise_day(self._previous_bar, bar.open_time)

    async def _decide(
        self, bar: Bar, forecast: Forecast | None, latest: Mapping[str, float | None]
    ) -> Sequence[WrittenIntent] | None:
        """What is to be sent, once it is recorded; None when the ledger cannot be written.

        Then nothing leaves, and the bar is decided anew later: by that time the market may have
        gone on, and what would have been right at this bar's close no longer is.
        """
        problem = await self._unreconciled()
        facts = StepFacts(
            model=self._forecasts.model,
            rules=self._books.rules,
            taker_fee=self._books.account.taker_fee,
            behind=not self._feed.queue.empty(),
            age_milliseconds=self._feed.age_milliseconds(bar),
            reconciled=problem is None,
        )
        ledger = self._books.ledger
        state, decision = step(self._books.state, bar, forecast, facts, self._policy)
        inputs = {
            "snapshot": latest,
            "numbers": decision.numbers,
            "age_milliseconds": facts.age_milliseconds,
        }
        try:
            with ledger.transaction():
                ledger.record_decision(
                    bar, decision, forecast, facts.model.digest, inputs, facts.behind, state
                )
                written = self._executor.write(bar.open_time, decision.intents)
        except StorageError as error:
            self._unrecorded = True
            self._note(str(error))
            return None
        self._unrecorded = False
        self._note(problem)
        self._books.state = state
        log.info(
            story.bar_line(
                bar, facts.bar_milliseconds, forecast, decision, state, facts.rules.quote
            )
        )
        log.debug(decision.explanation, extra=fields(reason=decision.reason, **decision.numbers))
        self._previous_bar, self._last_bar = self._last_bar, bar.open_time
        self.decided += 1
        return written

    async def _send(self, written: Sequence[WrittenIntent]) -> None:
        try:
            await self._executor.run(written)
            await self._protect()
        except (ExchangeUnavailable, StorageError) as error:
            self._note(str(error))

    async def _unreconciled(self) -> str | None:
        """Why orders and fills are not known, if they are not."""
        try:
            await self._executor.resolve()
        except (ExchangeUnavailable, StorageError) as error:
            return str(error)
        return None

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _forecast(self, bar: Bar) -> tuple[Forecast | None, dict[str, float | None]]:
        """The forecast, and the bar's own snapshot for the record."""
        forecast, latest = await self._ask(bar)
        if self._forecasts.model.lookback_bars != self._window.lookback_bars:
            await self._widen_window()
            forecast, latest = await self._ask(bar)
        asked = latest and not self._missing_bars()
        if asked and (forecast is None) != self._forecast_missing:
            self._forecast_missing = forecast is None
            if forecast is None:
                self._alert(f"no forecast from the API: {self._forecasts.why_none}")
            else:
                self._alert("the API forecasts again")
        return forecast, latest

    async def _ask(self, bar: Bar) -> tuple[Forecast | None, dict[str, float | None]]:
        try:
            with self.stages.timed("snapshots"):
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
        missing = self._missing_bars()
        if missing:
            log.info("no forecast over a hole in the bars", extra=fields(missing_bars=missing))
            return None, latest
        with self.stages.timed("forecast"):
            return await self._forecasts.forecast(snapshots, bar.open_time), latest

    def _missing_bars(self) -> int:
        return self._window.missing_bars(self._forecasts.model.window_bars)

    async def _widen_window(self) -> None:
        """At the change to a model that sees further back than the bars at hand."""
        lookback = self._forecasts.model.lookback_bars
        try:
            older = await self._feed.recent(bars_needed(lookback) + self._feed.queue.qsize() + 1)
        except ExchangeUnavailable as error:
            log.warning("no bars for the new model", extra=fields(why=str(error)))
            return
        self._window = self._window.widened(lookback, older)
        log.info("history loaded anew", extra=fields(lookback=lookback))

    def _summarise_day(self, previous: int, now: int) -> None:
        day = previous // DAY_MILLISECONDS
        if now // DAY_MILLISECONDS == day:
            return
        ledger = self._books.ledger
        bars = (day * DAY_MILLISECONDS, (day + 1) * DAY_MILLISECONDS)
        summary = read_summary(ledger.path, bars)
        text = story.daily_summary(story.instant(bars[0])[:10], summary, self._books.rules.quote)
        log.info(text.replace("\n", "; "))
        self._alert(text, "daily")
