"""Seven bugs that other bots have had with money in them; each is a test here."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import Desk, MemoryBroker
from tests.engine.situations import DOWN, NOW, bar, forecast, holding
from tests.integration.account import rows
from tests.ledger.entries import decide

from tradinglab.domain.order import (
    EnterIntent,
    Fill,
    Leg,
    OrderReport,
    OrderStatus,
    ProtectIntent,
    Side,
)
from tradinglab.errors import OrderRejected
from tradinglab.ports.broker import OrderIds, OutcomeUnknown
from tradinglab_bot import executor as executor_module

HELD = Decimal("0.05")
PRICE = Decimal(30_000)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "FINAL_AFTER_SECONDS", 0.02)
    monkeypatch.setattr(executor_module, "ASK_AGAIN_SECONDS", 0.005)


def restarted(desk: Desk, folder: Path) -> Desk:
    """A new process on the same ledger and exchange."""
    desk.books.ledger.close()
    again = Desk(folder, desk.broker)
    state = again.books.ledger.engine_state()
    assert state is not None
    again.books.state = state
    return again


async def position(folder: Path) -> Desk:
    state = holding()
    desk = Desk(folder, MemoryBroker(state.quote, HELD), state)
    await desk.decide()
    assert desk.books.protected_quantity() == HELD
    return desk


async def test_1_a_kill_before_the_order_left_makes_no_phantom_position(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ledger = desk.books.ledger
    with ledger.transaction():
        ledger.write_intent(NOW, decide(ledger))
    again = restarted(desk, tmp_path)
    await again.executor.resolve()
    assert (again.books.state.position, again.books.state.entry) == (None, None)
    assert again.broker.orders == {}


async def test_2_the_fill_of_another_trades_stop_is_not_taken_for_ours(tmp_path: Path) -> None:
    desk = await position(tmp_path)
    foreign = Fill(1, 9_999, Side.SELL, PRICE, HELD, Decimal(0), "USDT", NOW, False)
    desk.broker.fills.append(foreign)
    again = restarted(desk, tmp_path)
    await again.executor.resolve()
    held = again.books.state.position
    assert held is not None
    assert held.quantity == HELD
    (row,) = rows(tmp_path / "ledger.db", "SELECT * FROM fills")
    assert row["client_id"] is None


async def test_3_a_position_that_lost_its_stop_while_the_bot_was_down_gets_one(
    tmp_path: Path,
) -> None:
    desk = await position(tmp_path)
    for name, order in desk.broker.orders.items():
        desk.broker.orders[name] = replace(order, status=OrderStatus.EXPIRED)
    again = restarted(desk, tmp_path)
    await again.executor.resolve()
    await again.executor.keep_protected(NOW, PRICE)
    assert again.books.protected_quantity() == HELD


async def test_4_an_order_that_was_accepted_is_never_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, sent = Desk(tmp_path), []
    accept = desk.broker.enter

    async def unanswered(intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        sent.append(ids.order)
        await accept(intent, ids)
        raise OutcomeUnknown("timeout")

    monkeypatch.setattr(desk.broker, "enter", unanswered)
    await desk.decide()
    await desk.executor.resolve()
    assert len(sent) == 1
    assert [leg for _, leg in desk.books.ledger.live_orders()].count(Leg.ENTRY) == 1


async def test_5_an_order_sent_before_a_kill_is_not_sent_again_after_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ledger = desk.books.ledger
    intent = decide(ledger)
    with ledger.transaction():
        written = ledger.write_intent(NOW, intent)
    ids = OrderIds(
        written.first_order_id,
        written.order_id(Leg.TAKE_PROFIT),
        written.order_id(Leg.STOP),
        written.list_id,
    )
    await desk.broker.enter(intent, ids)
    again = restarted(desk, tmp_path)
    await again.executor.resolve()
    assert len(again.broker.entries()) == 1
    (row,) = rows(tmp_path / "ledger.db", "SELECT * FROM intents")
    assert (row["status"], row["answer"]) == ("accepted", "found by its id")


async def test_6_a_stop_that_cannot_be_placed_is_tried_again_not_answered_by_a_panic_sale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = holding()
    desk = Desk(tmp_path, MemoryBroker(state.quote, HELD), state)
    accept = desk.broker.protect

    async def refuse(intent: ProtectIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        raise OrderRejected("stop price would trigger immediately")

    monkeypatch.setattr(desk.broker, "protect", refuse)
    await desk.decide()
    assert desk.books.protected_quantity() == 0
    assert desk.broker.exits == []
    monkeypatch.setattr(desk.broker, "protect", accept)
    await desk.executor.keep_protected(NOW, PRICE)
    assert desk.books.protected_quantity() == HELD
    assert desk.broker.exits == []


async def test_7_a_position_that_its_stop_closed_is_not_sold_once_more(tmp_path: Path) -> None:
    desk = await position(tmp_path)
    (stop,) = desk.books.working_stops()
    desk.broker.orders[stop.client_id] = replace(
        stop, status=OrderStatus.FILLED, executed_quantity=HELD
    )
    for name, order in desk.broker.orders.items():
        if order.status.is_live:
            desk.broker.orders[name] = replace(order, status=OrderStatus.EXPIRED)
    fill = Fill(1, stop.exchange_id, Side.SELL, PRICE, HELD, Decimal(0), "USDT", NOW, False)
    desk.broker.fills.append(fill)
    desk.broker.base, desk.broker.quote = Decimal(0), desk.broker.quote + fill.quote_quantity
    await desk.decide(bar(bars_on=1), forecast(DOWN, bars_on=1, momentum=-4.0))
    await desk.executor.keep_protected(NOW, PRICE)
    assert desk.broker.exits == []
    assert desk.books.state.position is None
