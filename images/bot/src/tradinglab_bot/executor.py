"""Sends written intents, one after the other, and learns what became of each.

Called by the trader. The ledger holds every intent before it is sent; what was sent and not
answered is asked for by its id and never sent again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from tradinglab.adapters.ledger.encoding import IntentStatus, WrittenIntent
from tradinglab.domain.order import (
    CancelIntent,
    CancelTarget,
    EnterIntent,
    ExitIntent,
    Intent,
    Leg,
    OrderReport,
    OrderStatus,
    ProtectIntent,
    StopIntent,
)
from tradinglab.engine.protection import missing_protection
from tradinglab.errors import ExchangeUnavailable, OrderRejected
from tradinglab.ports.broker import OrderIds, OutcomeUnknown
from tradinglab_bot import story
from tradinglab_bot.books import FINAL_AFTER_SECONDS, Books

log = logging.getLogger(__name__)

ASK_AGAIN_SECONDS = 0.5
RESOLVE_ATTEMPTS = 5
PROTECT_ROUNDS = 3
# Sent in one request with the taking back of what protects the position.
REPLACING = (ExitIntent, StopIntent)


class Executor:
    """`started_at` bounds when anything found unanswered in the ledger can have been sent."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._sent_at: dict[int, float] = {}
        self._replaced: dict[int, OrderReport] = {}
        self._started_at = time.monotonic()
        self._last_refusal = ""
        self.rejects = 0

    def write(self, bar_open_time: int, intents: Sequence[Intent]) -> list[WrittenIntent]:
        """Inside the caller's transaction."""
        return [self._books.ledger.write_intent(bar_open_time, intent) for intent in intents]

    async def run(self, written: Sequence[WrittenIntent]) -> None:
        """Raises ExchangeUnavailable when an outcome stays unknown; `resolve` continues then."""
        for intent in written:
            obstacle = self._obstacle(intent.intent)
            if obstacle is not None:
                self._drop(intent, obstacle)
                continue
            log.info(story.intent_line(intent.intent, self._books.rules))
            if isinstance(intent.intent, CancelIntent):
                await self._cancel(intent, intent.intent)
            else:
                await self._send(intent)

    async def resolve(self) -> None:
        """Asks the exchange about every intent without an answer.

        Raises ExchangeUnavailable when it cannot be asked, or when an id it does not know may
        still be under way.
        """
        for written in self._books.ledger.unanswered_intents():
            if isinstance(written.intent, CancelIntent):
                self._drop(written, "not confirmed; what is still open is looked at anew")
            else:
                await self._resolve(written)
        await self._books.synchronise()
        self._books.forget_ended_entry()

    async def keep_protected(self, bar_open_time: int, price: Decimal) -> None:
        """Brings every position under a stop, in as many rounds as races with fills need."""
        for _ in range(PROTECT_ROUNDS):
            books = self._books
            intents = missing_protection(
                books.at_hand(),
                books.protected_quantity(),
                books.entry_is_live(),
                price,
                books.rules,
                books.lowest_stop(),
            )
            if not intents:
                return
            with books.ledger.transaction():
                written = self.write(bar_open_time, intents)
            await self.run(written)
            await books.synchronise()

    def _obstacle(self, intent: Intent) -> str | None:
        """Why an intent no longer fits what happened since it was decided."""
        position = self._books.state.position
        match intent:
            case EnterIntent() if position is not None or self._books.entry_is_live():
                return "an earlier entry was filled or is still open"
            case ExitIntent() | StopIntent() | ProtectIntent() if position is None:
                return "the position is closed already"
            case ProtectIntent() if self._books.protected_quantity() > 0:
                return "the coins are still under the stop"
        return None

    def _drop(self, written: WrittenIntent, why: str) -> None:
        log.info(f"  ✗ not done: {why}")
        self._answer(written, IntentStatus.DROPPED, why)

    async def _send(self, written: WrittenIntent) -> None:
        stop = await self._only_stop() if isinstance(written.intent, REPLACING) else None
        if stop is not None:
            self._replaced[written.id] = stop
        self._sent_at[written.id] = time.monotonic()
        filled = False
        try:
            reports = await self._placing(written, stop)()
        except OrderRejected as error:
            self._refused(written, IntentStatus.REJECTED, str(error))
        except OutcomeUnknown as error:
            # Signing, waiting and retries may have delayed the sending until just now.
            self._sent_at[written.id] = time.monotonic()
            log.warning(f"  ? no answer, asking by id {written.first_order_id}: {error}")
            await self._resolve(written)
        except ExchangeUnavailable as error:
            self._refused(written, IntentStatus.NOT_ACCEPTED, str(error))
        else:
            self._last_refusal = ""
            self._answer(written, IntentStatus.ACCEPTED, "answered", reports)
            filled = any(report.executed_quantity > 0 for report in reports)
        # What filled at once must be in the books before its stop is judged to be too much.
        if filled or isinstance(written.intent, REPLACING):
            await self._books.synchronise()

    async def _only_stop(self) -> OrderReport | None:
        """The stop that the next order replaces; others, which races may leave, go before."""
        stops = self._books.working_stops()
        for order in stops[:-1]:
            with suppress(OrderRejected, OutcomeUnknown):
                await self._books.broker.cancel(order)
        return stops[-1] if stops else None

    def _placing(
        self, written: WrittenIntent, stop: OrderReport | None
    ) -> Callable[[], Awaitable[Sequence[OrderReport]]]:
        broker, intent = self._books.broker, written.intent
        first = written.order_id(written.legs[0])
        ids = OrderIds(
            order=first,
            take_profit=written.order_id(Leg.TAKE_PROFIT),
            stop=written.order_id(Leg.STOP),
            order_list=written.list_id,
        )
        match intent:
            case EnterIntent():
                return lambda: broker.enter(intent, ids)
            case ProtectIntent():
                return lambda: broker.protect(intent, ids)
            case ExitIntent():
                exit_intent = self._within_position(intent)
                return lambda: broker.exit(exit_intent, ids, stop)
            case StopIntent():
                return lambda: broker.stop(intent, ids, stop)
        raise TypeError(f"{type(intent).__name__} is not placed as an order")

    def _within_position(self, intent: ExitIntent) -> ExitIntent:
        """A stop that filled in part since the decision left less to sell."""
        position = self._books.state.position
        held = position.quantity if position is not None else Decimal(0)
        rules = self._books.rules
        at_market = intent.limit_price is None
        most = rules.floor_market_quantity(held) if at_market else rules.floor_quantity(held)
        return replace(intent, quantity=min(intent.quantity, most))

    async def _cancel(self, written: WrittenIntent, intent: CancelIntent) -> None:
        """Cancelling twice does no harm; what counts is what the orders say afterwards."""
        wanted = (
            (Leg.ENTRY,) if intent.target is CancelTarget.ENTRY else (Leg.STOP, Leg.TAKE_PROFIT)
        )
        lists_done: set[str | None] = set()
        for order, leg in self._books.ledger.live_orders():
            waits_for_entry = order.status is OrderStatus.PENDING_NEW
            if leg not in wanted or waits_for_entry or order.list_client_id in lists_done:
                continue
            lists_done.add(order.list_client_id)
            try:
                await self._books.broker.cancel(order)
            except (OrderRejected, OutcomeUnknown) as error:
                log.warning(f"  ? cancel of {order.client_id}: {error}")
        await self._books.synchronise()
        self._answer(written, IntentStatus.ACCEPTED, "done")

    async def _resolve(self, written: WrittenIntent) -> None:
        failures = 0
        while True:
            try:
                reports = await self._found(written)
            except ExchangeUnavailable:
                failures += 1
                if failures >= RESOLVE_ATTEMPTS:
                    raise
            else:
                if reports:
                    log.info(f"  = {written.first_order_id} was accepted by the exchange")
                    self._answer(written, IntentStatus.ACCEPTED, "found by its id", reports)
                    return
                sent = self._sent_at.get(written.id, self._started_at)
                if time.monotonic() - sent > FINAL_AFTER_SECONDS or (
                    await self._was_carried_out(written) and not await self._found(written)
                ):
                    self._refused(written, IntentStatus.NOT_ACCEPTED, "unknown to the exchange")
                    return
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _found(self, written: WrittenIntent) -> tuple[OrderReport, ...]:
        """All orders of the intent, or none: the exchange accepts a list as a whole."""
        reports = []
        for leg in written.legs:
            report = await self._books.broker.find_order(written.order_id(leg))
            if report is None:
                return ()
            reports.append(replace(report, list_client_id=self._list_of(written)))
        return tuple(reports)

    async def _was_carried_out(self, written: WrittenIntent) -> bool:
        """One request takes back the old stop and places the new order: once the stop has ended,
        an order that is not there will not come, and nothing protects the position."""
        stop = self._replaced.get(written.id)
        if stop is None:
            return False
        try:
            report = await self._books.broker.find_order(stop.client_id)
        except ExchangeUnavailable:
            return False
        return report is not None and not report.status.is_live

    def _list_of(self, written: WrittenIntent) -> str | None:
        return None if isinstance(written.intent, REPLACING) else written.list_id

    def _refused(self, written: WrittenIntent, status: IntentStatus, why: str) -> None:
        """Said aloud once, not at each attempt to protect the same position."""
        self.rejects += 1
        text = f"{written.kind} order {written.first_order_id} was not accepted: {why}"
        repeated = why == self._last_refusal
        self._answer(written, status, why, alert=None if repeated else text)
        self._last_refusal = why
        log.log(logging.DEBUG if repeated else logging.WARNING, f"  ✗ {text}")

    def _answer(
        self,
        written: WrittenIntent,
        status: IntentStatus,
        answer: str,
        reports: Sequence[OrderReport] = (),
        alert: str | None = None,
    ) -> None:
        """In one transaction: the answer, the orders, and an entry that will not come.

        While an older entry still rests the engine must go on knowing of one, or it would never
        take that back.
        """
        books = self._books
        ended = isinstance(written.intent, EnterIntent) and status is not IntentStatus.ACCEPTED
        entry = books.state.entry
        gone = (
            ended
            and entry is not None
            and entry.bar_open_time == written.bar_open_time
            and not books.entry_is_live()
        )
        state = books.state.without_entry() if gone else books.state
        with books.ledger.transaction():
            books.ledger.record_answer(written, status, answer, reports)
            if alert is not None:
                books.ledger.add_alert("error", alert)
            if gone:
                books.ledger.save_engine_state(state)
        books.state = state
        self._sent_at.pop(written.id, None)
        self._replaced.pop(written.id, None)
