"""A ledger older than the account: what its orders did meanwhile is taken over, or it halts."""

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import Desk, MemoryBroker
from tests.engine.situations import EVEN, bar, forecast
from tests.integration.account import rows

from tradinglab.domain.order import Fill, Leg, OrderStatus, Side
from tradinglab.engine.decision import Reason
from tradinglab.errors import HaltTrading
from tradinglab_bot.startup import open_books, reconcile

LOST = Decimal("0.02")


async def flat_desk(folder: Path) -> Desk:
    """One bar decided, nothing bought."""
    desk = Desk(folder)
    await desk.decide(bar(), forecast(EVEN))
    return desk


async def restored(folder: Path, desk: Desk) -> Desk:
    """The copy `old` of the ledger in the place of the one that is there."""
    desk.books.ledger.close()
    place = folder / "restored"
    place.mkdir()
    shutil.copy(folder / "old.db", place / "ledger.db")
    again = Desk(place, desk.broker)
    again.books = await open_books(again.books.ledger, desk.broker)
    again.executor = type(again.executor)(again.books)
    await reconcile(again.books, again.executor)
    return again


def copy_taken(folder: Path, desk: Desk) -> None:
    desk.books.ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(folder / "ledger.db", folder / "old.db")


def with_levels(broker: MemoryBroker) -> None:
    """The memory's legs get the prices that the exchange would tell."""
    for name, order in broker.orders.items():
        if order.side is Side.SELL and name.rpartition("-")[2].startswith(Leg.STOP):
            broker.orders[name] = replace(order, stop_price=Decimal(29_600))
        elif order.side is Side.SELL:
            broker.orders[name] = replace(order, price=Decimal(30_800))


def fill_all(broker: MemoryBroker) -> Decimal:
    (entry,) = broker.entries()
    broker.fill_entry(entry.quantity)
    broker.orders[entry.client_id] = replace(
        broker.orders[entry.client_id], status=OrderStatus.FILLED
    )
    for name, order in broker.orders.items():
        if order.status is OrderStatus.PENDING_NEW:
            broker.orders[name] = replace(order, status=OrderStatus.NEW)
    return entry.quantity


async def test_an_entry_that_filled_after_the_copy_is_adopted_with_its_stop_and_not_bought_again(
    tmp_path: Path,
) -> None:
    desk = await flat_desk(tmp_path)
    copy_taken(tmp_path, desk)
    await desk.decide(bar(bars_on=1), forecast(bars_on=1))
    with_levels(desk.broker)
    bought = fill_all(desk.broker)
    await desk.decide(bar(bars_on=2), forecast(EVEN, bars_on=2))
    true = desk.books.state

    again = await restored(tmp_path, desk)
    position = again.books.state.position
    assert position is not None
    assert true.position is not None
    assert position.quantity == true.position.quantity
    assert (position.stop_price, position.take_profit_price) == (Decimal(29_600), Decimal(30_800))
    assert again.books.state.quote == true.quote
    assert again.books.protected_quantity() > bought * Decimal("0.99")
    texts = [r["text"] for r in rows(again.books.ledger.path, "SELECT text FROM outbox")]
    assert [text for text in texts if "older than the account" in text]
    assert not [text for text in texts if "outside" in text]
    decision = await again.decide(bar(bars_on=3), forecast(bars_on=3))
    assert decision.reason is Reason.HOLDING
    assert again.broker.entries() == []


async def test_a_round_trip_after_the_copy_becomes_a_trade(tmp_path: Path) -> None:
    desk = await flat_desk(tmp_path)
    copy_taken(tmp_path, desk)
    await desk.decide(bar(bars_on=1), forecast(bars_on=1))
    with_levels(desk.broker)
    fill_all(desk.broker)
    await desk.decide(bar(bars_on=2), forecast(EVEN, bars_on=2))
    broker = desk.broker
    (stop,) = desk.books.working_stops()
    sold = broker.base // Decimal("0.00001") * Decimal("0.00001")
    broker.orders[stop.client_id] = replace(
        broker.orders[stop.client_id], status=OrderStatus.FILLED, executed_quantity=sold
    )
    price = Decimal(29_600)
    broker.fills.append(
        Fill(2, stop.exchange_id, Side.SELL, price, sold, Decimal(0), "USDT", 5, False)
    )
    broker.base -= sold
    broker.quote += sold * price
    again = await restored(tmp_path, desk)
    state = again.books.state
    assert (state.position, state.quote, state.base) == (None, broker.quote, broker.base)
    (trade,) = rows(again.books.ledger.path, "SELECT exit_leg FROM trades")
    assert trade["exit_leg"] == "stop"


async def test_a_fill_of_ours_that_cannot_be_placed_halts_and_is_no_deposit(
    tmp_path: Path,
) -> None:
    desk = await flat_desk(tmp_path)
    copy_taken(tmp_path, desk)
    await desk.decide(bar(bars_on=1), forecast(bars_on=1))
    desk.broker.fill_entry(LOST)
    for name in list(desk.broker.orders):
        if name.rpartition("-")[2].startswith(Leg.STOP):
            del desk.broker.orders[name]
    with pytest.raises(HaltTrading, match="older than the account"):
        await restored(tmp_path, desk)
    ledger = tmp_path / "restored" / "ledger.db"
    assert not [row for row in rows(ledger, "SELECT text FROM outbox") if "outside" in row["text"]]


async def test_a_fill_of_somebody_else_s_order_is_noted_once_and_left_alone(
    tmp_path: Path,
) -> None:
    desk = await flat_desk(tmp_path)
    copy_taken(tmp_path, desk)
    broker = desk.broker
    broker._rest("by-hand", "", Side.BUY, LOST, OrderStatus.FILLED)
    number = broker.orders["by-hand"].exchange_id
    broker.fills.append(
        Fill(1, number, Side.BUY, Decimal(30_000), LOST, Decimal(0), "USDT", 0, True)
    )
    again = await restored(tmp_path, desk)
    assert again.books.state.position is None
    assert again.books.ledger.last_trade_id() == 1


async def test_a_position_whose_stop_was_replaced_after_the_copy_keeps_one_stop(
    tmp_path: Path,
) -> None:
    desk = await flat_desk(tmp_path)
    await desk.decide(bar(bars_on=1), forecast(bars_on=1))
    with_levels(desk.broker)
    fill_all(desk.broker)
    await desk.decide(bar(bars_on=2), forecast(EVEN, bars_on=2))
    copy_taken(tmp_path, desk)
    (old,) = desk.books.working_stops()
    await desk.broker.cancel(old)
    name = "tl-zzz-s"
    desk.broker._rest(name, "", Side.SELL, old.quantity, OrderStatus.NEW)
    desk.broker.orders[name] = replace(desk.broker.orders[name], stop_price=Decimal(29_700))
    again = await restored(tmp_path, desk)
    assert [stop.client_id for stop in again.books.working_stops()] == [name]
