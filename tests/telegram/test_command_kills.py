"""SIGKILL before and after every write and every call: a command is still acted on exactly once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.engine.situations import flat
from tests.telegram.people import CHAT, People

from tradinglab.adapters.ledger import Ledger
from tradinglab_bot.telegram_commands import listener

PROGRAM = Path(__file__).with_name("killable_listener.py")
SAMPLE = (9, 19)
MOST_STEPS = 120
KILLED = -9


def run(path: Path, people: People, number: int) -> int:
    arguments = [str(path), people.root, people.token, str(CHAT), str(number)]
    return subprocess.run([sys.executable, PROGRAM, *arguments], timeout=60, check=False).returncode


def paused_once_though_killed_at(folder: Path, number: int) -> bool:
    """Asserts what must hold; returns whether the kill came at all."""
    path = folder / f"ledger-{number}.db"
    ledger = Ledger(path, lambda: time.time_ns() // 1_000_000)
    with ledger.transaction():
        ledger.save_engine_state(flat())
    ledger.close()
    with People(limits=False) as people:
        command = people.say("/stopentry")
        people.say("/version")
        killed = run(path, people, number) == KILLED
        assert run(path, people, 0) == 0
        # What Telegram was told is what the ledger holds: nothing is lost, nothing comes again.
        assert people.updates.confirmed > command
    ledger = Ledger(path, lambda: 0)
    try:
        state, first = ledger.engine_state(), ledger.next_alert()
        assert state is not None
        assert state.entries_paused
        assert first is not None
        with ledger.transaction():
            ledger.mark_alert_sent(first.id)
        assert ledger.next_alert() is None, f"acted on twice after a kill at step {number}"
        assert int(ledger.value(listener.FOLLOWING) or 0) > command + 1
    finally:
        ledger.close()
    return killed


@pytest.mark.parametrize("number", SAMPLE)
def test_a_command_is_acted_on_once_though_killed(tmp_path: Path, number: int) -> None:
    assert paused_once_though_killed_at(tmp_path, number)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_command_is_acted_on_once_though_killed_anywhere(tmp_path: Path) -> None:
    steps = 0
    for number in range(1, MOST_STEPS):
        if not paused_once_though_killed_at(tmp_path, number):
            break
        steps = number
    assert max(SAMPLE) < steps < MOST_STEPS - 1
    print(f"killed at each of {steps} steps")
