"""A person ends a halt with --resume: what the next start then makes of the books."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import MemoryBroker
from tests.bot.test_settings import GOOD
from tests.engine.situations import DIGEST, bar, holding
from tests.integration.account import rows, state_of
from tests.ledger.entries import open_ledger

from tradinglab.engine.decision import Decision, Reason
from tradinglab.engine.state import EngineState, TradingMode
from tradinglab_bot.bot import resume
from tradinglab_bot.executor import Executor
from tradinglab_bot.settings import BotSettings, read_settings
from tradinglab_bot.startup import open_books, reconcile


def settings(folder: Path) -> BotSettings:
    return read_settings({**GOOD, "TRADINGLAB_LEDGER": str(folder / "ledger.db")})


def with_ledger(folder: Path, state: EngineState) -> None:
    ledger = open_ledger(folder)
    decision = Decision(bar().open_time, Reason.HOLDING, "")
    ledger.set_value("first_trade_id", "0")
    ledger.record_decision(bar(), decision, None, DIGEST, {}, False, state)
    ledger.close()


async def started(folder: Path, broker: MemoryBroker) -> EngineState:
    ledger = open_ledger(folder)
    books = await open_books(ledger, broker)
    await reconcile(books, Executor(books))
    ledger.close()
    return books.state


@pytest.mark.parametrize(
    ("left", "held", "dust"),
    [("0.02", "0.02", "0"), ("0.0001", None, "0.0001"), ("0", None, "0")],
    ids=["a-part", "too-little-to-sell", "nothing"],
)
async def test_after_coins_are_gone_trading_goes_on_with_what_the_account_holds(
    left: str, held: str | None, dust: str, tmp_path: Path
) -> None:
    before = holding("0.05", dust=Decimal("0.000001"))
    with_ledger(tmp_path, before)
    broker = MemoryBroker(before.quote, Decimal(left))
    assert (await started(tmp_path, broker)).mode is TradingMode.HALTED
    assert (await started(tmp_path, broker)).mode is TradingMode.HALTED
    assert "resumes at the next start" in resume(settings(tmp_path))
    state = await started(tmp_path, broker)
    assert state.mode is TradingMode.NORMAL
    assert (state.position.quantity if state.position else None) == (held and Decimal(held))
    assert state.dust == Decimal(dust)
    assert state == state_of(tmp_path / "ledger.db")
    price = before.indicators.last_close
    assert state.peak_equity == pytest.approx(float(before.quote) + float(left) * price)
    assert "given up" in rows(tmp_path / "ledger.db", "SELECT text FROM outbox")[-1]["text"]
    assert await started(tmp_path, broker) == state


async def test_coins_that_go_after_a_resumed_start_halt_again(tmp_path: Path) -> None:
    before = holding("0.05", mode=TradingMode.HALTED)
    with_ledger(tmp_path, before)
    resume(settings(tmp_path))
    broker = MemoryBroker(before.quote, Decimal("0.05"))
    assert (await started(tmp_path, broker)).mode is TradingMode.NORMAL
    broker.base = Decimal("0.01")
    state = await started(tmp_path, broker)
    assert (state.mode, state.base) == (TradingMode.HALTED, Decimal("0.05"))


def test_a_bot_that_is_not_halted_has_nothing_to_resume(tmp_path: Path) -> None:
    with_ledger(tmp_path, holding())
    assert "nothing to resume" in resume(settings(tmp_path))
    assert state_of(tmp_path / "ledger.db") == holding()
