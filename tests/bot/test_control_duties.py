"""What a person wants is carried out from the ledger's state, and given up in words."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.engine.situations import DIGEST, flat, holding
from tests.ledger.entries import open_ledger

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.telegram_queries import waiting_alerts
from tradinglab.engine.state import EngineState
from tradinglab.ports.training_requests import RequestNotTaken
from tradinglab.resource.training_request import TrainingRequest
from tradinglab_bot import control_duties
from tradinglab_bot.control_duties import EXIT_ATTEMPTS, ControlDuties
from tradinglab_bot.controls import EXIT_WANTED, TRAINING_WANTED


@dataclass
class Desk:
    """Books and trader in one: `sells` is what each call of `sell_all` leaves behind."""

    state: EngineState
    sells: list[EngineState] = field(default_factory=list)
    entry_lives: bool = False
    withdrawals: int = 0
    sales: int = 0

    def entry_is_live(self) -> bool:
        return self.entry_lives

    async def withdraw(self) -> None:
        self.withdrawals += 1
        self.entry_lives = False

    async def sell_all(self) -> None:
        self.sales += 1
        if self.sells:
            self.state = self.sells.pop(0)


@dataclass
class Operator:
    failures: int = 0
    asked: list[TrainingRequest] = field(default_factory=list)

    async def ask(self, request: TrainingRequest) -> None:
        if self.failures:
            self.failures -= 1
            raise RequestNotTaken("no route to the API server")
        self.asked.append(request)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path)


def duties(ledger: Ledger, desk: Any, requests: Any = None) -> ControlDuties:
    return ControlDuties(ledger, desk, desk, requests)


def want(ledger: Ledger, key: str, value: str = "somebody") -> None:
    with ledger.transaction():
        ledger.set_value(key, value)


def told(ledger: Ledger) -> list[str]:
    return [alert.text for alert in waiting_alerts(ledger.path, 100)]


async def test_an_entry_that_rests_is_taken_back_within_a_look_of_the_pause(
    ledger: Ledger,
) -> None:
    desk = Desk(flat().with_entries(paused=True), entry_lives=True)
    await duties(ledger, desk).look()
    assert desk.withdrawals == 1


async def test_an_entry_is_left_alone_while_trading_runs(ledger: Ledger) -> None:
    desk = Desk(flat(), entry_lives=True)
    await duties(ledger, desk).look()
    assert (desk.withdrawals, desk.sales) == (0, 0)


async def test_an_exit_goes_on_as_long_as_something_is_sold(ledger: Ledger) -> None:
    want(ledger, EXIT_WANTED)
    parts = [holding(f"0.0{left}") for left in range(8, 0, -1)]
    desk = Desk(holding("0.09"), [*parts, flat()])
    doing = duties(ledger, desk)
    for _ in range(10):
        await doing.look()
    assert desk.sales == 9 > EXIT_ATTEMPTS
    assert told(ledger) == ["nothing is held any more"]
    assert not ledger.value(EXIT_WANTED)


async def test_an_exit_that_sells_nothing_is_given_up_and_says_so(ledger: Ledger) -> None:
    want(ledger, EXIT_WANTED)
    desk = Desk(holding())
    doing = duties(ledger, desk)
    for _ in range(EXIT_ATTEMPTS + 3):
        await doing.look()
    assert desk.sales == EXIT_ATTEMPTS
    (text,) = told(ledger)
    assert "sold nothing" in text


async def test_an_exit_that_was_wanted_goes_on_after_a_restart(ledger: Ledger) -> None:
    want(ledger, EXIT_WANTED)
    desk = Desk(holding(), [flat()])
    await duties(ledger, desk).look()
    await duties(ledger, desk).look()
    assert (desk.sales, told(ledger)) == (1, ["nothing is held any more"])


async def test_a_training_is_asked_for_until_it_is_taken_and_told_twice_at_most(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_duties, "ASK_AGAIN_SECONDS", 0.0)
    want(ledger, TRAINING_WANTED, f"{DIGEST} somebody")
    operator = Operator(failures=3)
    doing = duties(ledger, Desk(flat()), operator)
    for _ in range(6):
        await doing.look()
    assert operator.asked == [TrainingRequest(DIGEST, "asked for by somebody")]
    assert ledger.drift.was_asked(DIGEST)
    refused, taken = told(ledger)
    assert "no route to the API server" in refused
    assert taken == "the operator has the request for a training"
