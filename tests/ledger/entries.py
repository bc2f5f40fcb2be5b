"""Entries for the ledger's tests."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path

from tests.engine.situations import DIGEST, NOW, bar, facts, flat, forecast

from tradinglab.adapters.ledger import Ledger
from tradinglab.domain.order import EnterIntent, Fill, OrderReport, OrderStatus, Side
from tradinglab.engine.policy import Policy
from tradinglab.engine.step import step


def clock() -> Iterator[int]:
    return count(1_700_000_000_000, 1_000)


def open_ledger(folder: Path) -> Ledger:
    ticks = clock()
    return Ledger(folder / "ledger.db", lambda: next(ticks))


def decide(ledger: Ledger, bars_on: int = 0, close: float = 30_000.0) -> EnterIntent:
    """Records an entry's decision of one bar; returns its intent."""
    candle, outlook = bar(close, bars_on), forecast(bars_on=bars_on)
    state, decision = step(flat(), candle, outlook, facts(), Policy())
    ledger.record_decision(candle, decision, outlook, DIGEST, decision.numbers, False, state)
    (intent,) = decision.intents
    assert isinstance(intent, EnterIntent)
    return intent


def report(client_id: str, exchange_id: int, status: OrderStatus = OrderStatus.NEW) -> OrderReport:
    return OrderReport(
        client_id=client_id,
        exchange_id=exchange_id,
        list_client_id="tl-list",
        side=Side.BUY,
        type="LIMIT",
        status=status,
        quantity=Decimal("0.05"),
        executed_quantity=Decimal(0),
        price=Decimal(30_000),
        stop_price=None,
    )


def fill(trade_id: int, exchange_order_id: int, quantity: str = "0.05") -> Fill:
    return Fill(
        trade_id=trade_id,
        exchange_order_id=exchange_order_id,
        side=Side.BUY,
        price=Decimal("29999.99"),
        quantity=Decimal(quantity),
        commission=Decimal("0.00005"),
        commission_asset="BTC",
        time=NOW + 5,
        is_maker=True,
    )
