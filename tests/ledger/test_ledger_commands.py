"""Backup while it is written, check, export and explanation of a ledger."""

import csv
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import Desk, MemoryBroker
from tests.engine.situations import DOWN, HOUR, NOW, bar, forecast, holding

from tradinglab.adapters.ledger.backup import backup, verify
from tradinglab.adapters.ledger.entered import entered_since
from tradinglab.adapters.ledger.explanation import explain
from tradinglab.adapters.ledger.export import export
from tradinglab.domain.order import Fill, Side
from tradinglab.errors import DataError, HaltTrading


async def traded(folder: Path) -> Desk:
    """One trade: a position sold by judgement, with a fee in quote."""
    state = holding()
    desk = Desk(folder, MemoryBroker(state.quote, Decimal("0.05")), state)
    await desk.decide(outlook=forecast())
    place = desk.broker.exit

    async def sell(*arguments: object) -> object:
        reports = await place(*arguments)  # type: ignore[arg-type]
        (order,) = reports
        fill = Fill(1, order.exchange_id, Side.SELL, Decimal(30_100), Decimal("0.05"),
                    Decimal("1.505"), "USDT", NOW + 2 * HOUR, False)  # fmt: skip
        desk.broker.fills.append(fill)
        desk.broker.quote += fill.quote_quantity - fill.commission
        desk.broker.base = Decimal(0)
        return reports

    desk.broker.exit = sell  # type: ignore[method-assign, assignment]
    await desk.decide(bar(bars_on=1), forecast(DOWN, bars_on=1, momentum=-4.0))
    assert desk.books.state.position is None
    return desk


async def test_a_copy_made_while_the_ledger_is_open_holds_all_of_it(tmp_path: Path) -> None:
    desk = await traded(tmp_path)
    target = tmp_path / "copies" / "ledger.db"
    assert backup(desk.books.ledger.path, target) == 2
    assert verify(target) == 2
    assert [path.name for path in target.parent.iterdir()] == ["ledger.db"]


async def test_a_damaged_ledger_is_not_copied_over_a_good_copy(tmp_path: Path) -> None:
    desk = await traded(tmp_path)
    target = tmp_path / "copy.db"
    backup(desk.books.ledger.path, target)
    good = target.read_bytes()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(good[:4096] + b"\x00" * (len(good) - 4096))
    with pytest.raises(HaltTrading):
        backup(damaged, target)
    assert target.read_bytes() == good


def test_a_ledger_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.db"):
        backup(tmp_path / "nowhere.db", tmp_path / "copy.db")


async def test_the_tax_list_has_a_line_a_trade_with_fees_counted(tmp_path: Path) -> None:
    desk = await traded(tmp_path)
    files = export(desk.books.ledger.path, tmp_path / "out")
    assert {path.stem for path in files} >= {"decisions", "fills", "trades", "tax_trades"}
    with (tmp_path / "out" / "tax_trades.csv").open() as stream:
        (line,) = csv.DictReader(stream)
    assert Decimal(line["cost_quote"]) == 1500
    assert Decimal(line["proceeds_quote"]) == Decimal("1505") - Decimal("1.505")
    assert Decimal(line["profit_quote"]) == Decimal("3.495")
    assert line["closed_by"] == "exit"
    with (tmp_path / "out" / "fills.csv").open() as stream:
        (fill,) = csv.DictReader(stream)
    assert (fill["quantity"], fill["commission"]) == ("0.05", "1.505")


async def test_a_trade_is_explained_by_its_decisions_intents_and_fills(tmp_path: Path) -> None:
    desk = await traded(tmp_path)
    text = explain(desk.books.ledger.path, 1)
    for part in ("closed by exit", "P(bearish) 95%", "urgency", "exit {", "accepted", "fee 1.505"):
        assert part in text, text
    with pytest.raises(DataError, match="found 1 to 1"):
        explain(desk.books.ledger.path, 2)


async def test_entries_written_or_accepted_count_for_the_day_others_do_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.decide()
    path = desk.books.ledger.path
    (order,) = desk.broker.entries()
    spent = entered_since(path, 0)
    assert spent > 0
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE intents SET status = 'rejected'")
    assert entered_since(path, 0) == 0
    assert order.quantity > 0
