"""What the executor makes of answers that come late, wrong or never."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bot.account import Desk
from tests.engine.situations import EVEN, NOW, bar, forecast, rules
from tests.ledger.entries import decide, open_ledger, report

from tradinglab.adapters.ledger.encoding import IntentStatus
from tradinglab.domain.order import (
    CancelIntent,
    CancelTarget,
    EnterIntent,
    Intent,
    Leg,
    OrderReport,
)
from tradinglab.engine.decision import Reason
from tradinglab.errors import ExchangeUnavailable, HaltTrading
from tradinglab.ports.broker import OrderIds, OutcomeUnknown
from tradinglab_bot import books as books_module
from tradinglab_bot import executor as executor_module
from tradinglab_bot.books import Books
from tradinglab_bot.executor import Executor

HOUR = 3_600_000


class DeafBroker:
    """Its one order rests; it answers no cancel."""

    def __init__(self, resting: OrderReport) -> None:
        self.resting = resting

    async def cancel(self, order: OrderReport) -> None:
        raise OutcomeUnknown(f"no answer about {order.client_id}")

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return (self.resting,)

    async def fills_after(self, trade_id: int) -> tuple[Any, ...]:
        return ()


async def test_an_entry_whose_cancel_went_unanswered_is_not_forgotten(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    first = ledger.write_intent(NOW, decide(ledger))
    resting = report(first.order_id(Leg.ENTRY), 1)
    ledger.record_answer(first, IntentStatus.ACCEPTED, "answered", [resting])
    replacement = decide(ledger, bars_on=3)
    state = ledger.engine_state()
    assert state is not None
    books = Books(ledger, DeafBroker(resting), rules(), None, state)  # type: ignore[arg-type]
    executor = Executor(books)
    intents: list[Intent] = [CancelIntent(CancelTarget.ENTRY), replacement]
    await executor.run(executor.write(NOW + 3 * HOUR, intents))
    assert books.entry_is_live()
    assert books.state.entry is not None  # so that the next bar takes it back again


async def test_an_entry_that_replaces_another_is_taken_back_when_its_reason_ends(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    for number in range(3):
        decision = await desk.decide(bar(bars_on=number), forecast(bars_on=number))
        assert decision.reason is Reason.ENTER
        assert len(desk.broker.entries()) == 1
        assert desk.books.state.entry is not None
        assert desk.books.state.entry.bar_open_time == bar(bars_on=number).open_time
    await desk.decide(bar(bars_on=3), forecast(EVEN, bars_on=3))
    assert desk.broker.entries() == []
    assert desk.books.state.entry is None


async def test_too_little_bought_to_sell_does_not_keep_the_bot_from_trading(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.decide()
    desk.broker.fill_entry(Decimal("0.0001"))
    await desk.decide(bar(bars_on=1), forecast(bars_on=1))
    state = desk.books.state
    assert (state.position, state.entry) == (None, None)
    assert state.dust == desk.broker.base
    decision = await desk.decide(bar(bars_on=2), forecast(bars_on=2))
    assert decision.reason is Reason.ENTER


async def test_one_answer_that_knows_no_such_order_is_asked_again_and_a_lasting_one_halts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    await desk.decide()
    (entry,) = desk.broker.entries()
    desk.broker.unknown = {order.client_id for order in desk.broker.orders.values()}
    for _ in range(2):
        with pytest.raises(ExchangeUnavailable, match=entry.client_id):
            await desk.books.synchronise()
    desk.broker.unknown = set()
    await desk.books.synchronise()
    desk.broker.unknown = {entry.client_id}
    monkeypatch.setattr(books_module, "FINAL_AFTER_SECONDS", 0.02)
    with pytest.raises(ExchangeUnavailable):
        await desk.books.synchronise()
    await asyncio.sleep(0.03)
    with pytest.raises(HaltTrading, match=entry.client_id):
        await desk.books.synchronise()


async def test_an_order_under_way_for_long_is_not_taken_for_lost_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request left only shortly before its answer failed to come: it may still arrive."""
    desk = Desk(tmp_path)
    monkeypatch.setattr(executor_module, "FINAL_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(executor_module, "ASK_AGAIN_SECONDS", 0.01)
    accept = desk.broker.enter
    late: list[asyncio.Task[Any]] = []

    async def arrive(intent: EnterIntent, ids: OrderIds) -> None:
        await asyncio.sleep(0.1)
        await accept(intent, ids)

    async def enter(intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        await asyncio.sleep(0.25)
        late.append(asyncio.ensure_future(arrive(intent, ids)))
        raise OutcomeUnknown("connection reset")

    monkeypatch.setattr(desk.broker, "enter", enter)
    await desk.decide()
    assert [order for order, leg in desk.books.ledger.live_orders() if leg is Leg.ENTRY]
    assert desk.books.ledger.unanswered_intents() == ()
