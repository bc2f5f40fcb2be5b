"""What the executor makes of answers that come late, wrong or never."""

from pathlib import Path
from typing import Any

from tests.engine.situations import NOW, rules
from tests.ledger.entries import decide, open_ledger, report

from tradinglab.adapters.ledger.encoding import IntentStatus
from tradinglab.domain.order import CancelIntent, CancelTarget, Leg, OrderReport
from tradinglab.ports.broker import OutcomeUnknown
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
    intents = [CancelIntent(CancelTarget.ENTRY), replacement]
    await executor.run(executor.write(NOW + 3 * HOUR, intents))
    assert books.entry_is_live()
    assert books.state.entry is not None  # so that the next bar takes it back again
