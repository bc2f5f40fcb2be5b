"""Fees in base, quote and a third asset, each valued once."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import Desk, MemoryBroker
from tests.engine.situations import DOWN, HOUR, NOW, bar, forecast, holding
from tests.integration.account import rows

from tradinglab.domain.order import Fill, Side

HELD, PRICE = Decimal("0.05"), Decimal(30_100)


@pytest.mark.parametrize(
    ("commission", "asset", "value", "profit"),
    [
        ("1.505", "USDT", "1.505", "3.495"),
        ("0.0025", "BNB", "1.5", "3.5"),
        ("2", "XYZ", None, "5"),
    ],
)
async def test_a_fee_counts_in_the_trade_whatever_it_was_paid_in(
    commission: str, asset: str, value: str | None, profit: str, tmp_path: Path
) -> None:
    state = holding()
    desk = Desk(tmp_path, MemoryBroker(state.quote, HELD), state)
    await desk.decide()
    place = desk.broker.exit

    async def sell(*arguments: object) -> object:
        reports = await place(*arguments)  # type: ignore[arg-type]
        fee, at = Decimal(commission), NOW + 2 * HOUR
        order = reports[0].exchange_id
        desk.broker.fills.append(Fill(1, order, Side.SELL, PRICE, HELD, fee, asset, at, False))
        desk.broker.base = Decimal(0)
        desk.broker.quote += PRICE * HELD - (fee if asset == "USDT" else 0)
        return reports

    desk.broker.exit = sell  # type: ignore[method-assign, assignment]
    await desk.decide(bar(bars_on=1), forecast(DOWN, bars_on=1, momentum=-4.0))
    ledger = tmp_path / "ledger.db"
    (fill,) = rows(ledger, "SELECT * FROM fills")
    assert (fill["commission_quote"] is None) == (value is None)
    assert value is None or Decimal(fill["commission_quote"]) == Decimal(value)
    (trade,) = rows(ledger, "SELECT * FROM trades")
    assert Decimal(trade["profit"]) == Decimal(profit)
    assert desk.books.state.quote == desk.broker.quote
    alerts = [row["text"] for row in rows(ledger, "SELECT text FROM outbox WHERE kind = 'balance'")]
    assert not any("outside" in text for text in alerts)
