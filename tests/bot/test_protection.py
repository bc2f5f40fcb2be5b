"""What protects a position while orders are replaced, answers are lost and coins are missing."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import Desk, MemoryBroker
from tests.engine.situations import DOWN, NOW, bar, forecast, holding
from tests.integration.account import rows

from tradinglab.domain.order import EnterIntent, ExitIntent, OrderReport, OrderStatus, Side
from tradinglab.engine.state import EngineState, TradingMode
from tradinglab.ports.broker import OrderIds, OutcomeUnknown
from tradinglab_bot import executor as executor_module

HELD = Decimal("0.05")


async def protected_desk(folder: Path, state: EngineState | None = None) -> Desk:
    """A position under its stop and take-profit, as after an entry that filled."""
    state = state or holding()
    desk = Desk(folder, MemoryBroker(state.quote, HELD), state)
    await desk.decide(outlook=forecast(bars_on=0))
    assert desk.books.protected_quantity() == HELD
    return desk


async def test_a_sale_that_never_arrived_leaves_the_stop_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await protected_desk(tmp_path)
    monkeypatch.setattr(executor_module, "FINAL_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(executor_module, "ASK_AGAIN_SECONDS", 0.01)
    seen: list[Decimal] = []

    async def lost(
        intent: ExitIntent, ids: OrderIds, replaced: OrderReport | None
    ) -> tuple[OrderReport, ...]:
        assert replaced is not None
        seen.append(desk.books.protected_quantity())
        raise OutcomeUnknown("connection reset")

    monkeypatch.setattr(desk.broker, "exit", lost)
    decision = await desk.decide(bar(bars_on=1), forecast(DOWN, bars_on=1, momentum=-3.0))
    assert [type(intent) for intent in decision.intents] == [ExitIntent]
    assert seen == [HELD]
    assert desk.books.protected_quantity() == HELD
    assert desk.books.ledger.unanswered_intents() == ()


async def test_a_stop_taken_back_for_a_sale_that_was_refused_is_put_back_without_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request was carried out in half and its answer lost: nothing else is to come."""
    desk = await protected_desk(tmp_path)
    monkeypatch.setattr(executor_module, "ASK_AGAIN_SECONDS", 0.01)

    async def half(
        intent: ExitIntent, ids: OrderIds, replaced: OrderReport | None
    ) -> tuple[OrderReport, ...]:
        assert replaced is not None
        await desk.broker.cancel(replaced)
        raise OutcomeUnknown("connection reset")

    monkeypatch.setattr(desk.broker, "exit", half)
    async with asyncio.timeout(2):
        await desk.decide(bar(bars_on=1), forecast(DOWN, bars_on=1, momentum=-3.0))
    assert desk.books.protected_quantity() == HELD


async def test_coins_that_are_missing_are_not_asked_to_be_protected_over_and_over(
    tmp_path: Path,
) -> None:
    desk = await protected_desk(tmp_path)
    for name, order in desk.broker.orders.items():
        desk.broker.orders[name] = replace(order, status=OrderStatus.CANCELED)
    desk.broker.base = Decimal("0.03")
    await desk.books.synchronise()
    await desk.books.check_balances()
    assert desk.books.state.mode is TradingMode.HALTED
    for _ in range(3):
        await desk.executor.keep_protected(NOW, Decimal(30_000))
    assert desk.books.protected_quantity() == Decimal("0.03")
    stops = [order for order in desk.broker.orders.values() if order.status.is_live]
    assert {order.quantity for order in stops} == {Decimal("0.03")}
    desk.broker.base = Decimal(0)
    await desk.books.check_balances()
    before = len(desk.broker.orders)
    for name, order in desk.broker.orders.items():
        desk.broker.orders[name] = replace(order, status=OrderStatus.CANCELED)
    await desk.books.synchronise()
    for _ in range(3):
        await desk.executor.keep_protected(NOW, Decimal(30_000))
    assert len(desk.broker.orders) == before


async def test_the_stop_of_an_entry_that_fills_at_once_is_not_lifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    accept = desk.broker.enter

    async def fill_at_once(intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        await accept(intent, ids)
        desk.broker.fill_entry(intent.quantity)
        for name, order in desk.broker.orders.items():
            status = OrderStatus.FILLED if order.side is Side.BUY else OrderStatus.NEW
            desk.broker.orders[name] = replace(order, status=status)
        return tuple(desk.broker.orders.values())

    monkeypatch.setattr(desk.broker, "enter", fill_at_once)
    await desk.decide()
    kinds = [
        row["kind"] for row in rows(tmp_path / "ledger.db", "SELECT kind FROM intents ORDER BY id")
    ]
    assert kinds == ["enter"]
    assert desk.books.protected_quantity() > 0
