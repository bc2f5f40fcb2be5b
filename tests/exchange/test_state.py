"""The state file gives back what was saved, and belongs to one market."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.exchange.engines import engine, entry_with_protection, walk

from tradinglab.errors import ConfigurationError, StorageError
from tradinglab_exchange.state import Position, Store

INITIAL = {"BTC": Decimal(0), "USDT": Decimal(10_000)}


def test_account_orders_lists_trades_and_position_come_back(tmp_path: Path) -> None:
    at = engine(coins="0")
    entry_with_protection(at)
    walk(at, "94")
    store = Store(tmp_path / "state.db")
    store.load_book(INITIAL)
    store.save(at.book.take_changes(), at.book.account, Position(bars=3, ticks=2))
    store.close()

    again = Store(tmp_path / "state.db")
    book = again.load_book(INITIAL)
    assert book.orders == at.book.orders
    assert book.lists == at.book.lists
    assert book.trades == at.book.trades
    assert set(book.open) == {2, 3}
    assert dict(book.account.items()) == dict(at.book.account.items())
    assert again.load_position() == Position(bars=3, ticks=2)


def test_initial_balances_count_only_once(tmp_path: Path) -> None:
    Store(tmp_path / "state.db").load_book(INITIAL)
    book = Store(tmp_path / "state.db").load_book({"USDT": Decimal(5)})
    assert book.account.balance("USDT").free == 10_000


def test_state_of_another_market_is_refused_by_name(tmp_path: Path) -> None:
    Store(tmp_path / "state.db").claim({"seed": 7, "symbol": "BTC/USDT"})
    with pytest.raises(ConfigurationError, match=r"seed 7.*seed is 8"):
        Store(tmp_path / "state.db").claim({"seed": 8, "symbol": "BTC/USDT"})


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_text("this is not a database, it is a text file of some length" * 50)
    with pytest.raises(StorageError, match=r"state\.db"):
        Store(file)
