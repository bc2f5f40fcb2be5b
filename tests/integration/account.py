"""The exchange's own view of the account, and whether the bot's ledger agrees with it."""

import sqlite3
from decimal import Decimal
from pathlib import Path

from tests.integration.programs import KEY, SECRET

from tradinglab.adapters.binance.broker import BinanceBroker
from tradinglab.adapters.binance.client import Caller, make_client
from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.market import Market
from tradinglab.domain.order import Fill, OrderReport
from tradinglab.engine.state import EngineState
from tradinglab.ports.broker import Account

MARKET = Market("binance", "BTC/USDT", "1h")


async def newest_bar(address: str) -> object:
    """The exchange's bar in progress, as its klines answer shows it."""
    caller = Caller(make_client(f"http://{address}"))
    try:
        return await caller("publicGetKlines", {"symbol": "BTCUSDT", "interval": "1h", "limit": 1})
    finally:
        await caller.close()


class ExchangeView:
    """Everything the exchange knows of the account, fetched once."""

    rules: SymbolRules
    account: Account
    names: list[str]
    open_orders: tuple[OrderReport, ...]
    fills: tuple[Fill, ...]

    @classmethod
    async def fetch(cls, address: str) -> "ExchangeView":
        caller = Caller(make_client(f"http://{address}", KEY, SECRET))
        try:
            broker, view = BinanceBroker(caller, MARKET), cls()
            view.rules = await broker.rules()
            view.account = await broker.account()
            view.open_orders = await broker.open_orders()
            view.fills = await broker.fills_after(-1)
            rows = await caller("privateGetAllOrders", {"symbol": "BTCUSDT", "limit": 1000})
            view.names = [row["clientOrderId"] for row in rows]
            return view
        finally:
            await caller.close()


def rows(ledger: Path, statement: str) -> list[sqlite3.Row]:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def state_of(ledger: Path) -> EngineState:
    (row,) = rows(ledger, "SELECT value FROM state WHERE key = 'engine'")
    return EngineState.model_validate_json(row["value"])


def assert_agreement(ledger: Path, view: ExchangeView) -> None:
    """Fills, balances, orders and protection, to the last digit. The bot must be stopped and
    the market at rest."""
    recorded = rows(ledger, "SELECT * FROM fills ORDER BY trade_id")
    assert [row["trade_id"] for row in recorded] == [fill.trade_id for fill in view.fills]
    assert all(row["client_id"] for row in recorded), "a fill belongs to no order of the ledger"
    state = state_of(ledger)
    assert state.quote == view.account.total("USDT")
    assert state.base == view.account.total("BTC")
    known = {row["client_id"] for row in rows(ledger, "SELECT client_id FROM orders")}
    assert known == set(view.names), "orders the ledger lacks, or the exchange"
    assert len(view.names) == len(set(view.names)), "an order was sent twice"
    per_bar = rows(
        ledger,
        "SELECT i.bar_open_time, count(*) AS n FROM orders o JOIN intents i ON i.id = o.intent_id "
        "WHERE o.leg = 'e' GROUP BY 1",
    )
    assert all(row["n"] == 1 for row in per_bar), "two entries for one bar"
    stops = sum(
        (
            order.quantity
            for order in view.open_orders
            if order.type == "STOP_LOSS" and order.status.value == "NEW"
        ),
        Decimal(0),
    )
    held = state.position.quantity if state.position else Decimal(0)
    assert not view.rules.is_sellable(held - stops, Decimal(30_000)), "a position without a stop"
