"""What a person changes is durable, made whole or not at all, and told."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.engine.situations import flat, holding
from tests.ledger.entries import open_ledger

from tradinglab.adapters.ledger import Ledger
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState, TradingMode
from tradinglab.ports.controls import Change, ChangeRefused
from tradinglab_bot.controls import EXIT_WANTED, TRAINING_WANTED, LedgerControls


def hands(ledger: Ledger, state: EngineState | None, trainings: bool = False) -> LedgerControls:
    if state is not None:
        with ledger.transaction():
            ledger.save_engine_state(state)
    return LedgerControls(ledger, Policy(), may_ask_for_training=trainings)


def test_a_change_holds_after_a_restart(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    hands(ledger, flat()).apply(Change.PAUSE_ENTRIES, "somebody")
    ledger.close()
    state = open_ledger(tmp_path).engine_state()
    assert state is not None
    assert state.entries_paused


def test_every_change_is_told_with_who_made_it(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    hands(ledger, flat()).apply(Change.HALT, "somebody")
    alert = ledger.next_alert()
    assert alert is not None
    assert alert.text.startswith("halt trading, by somebody: ")


@pytest.mark.parametrize("change", [Change.PAUSE_ENTRIES, Change.HALT, Change.FORCE_EXIT])
def test_a_change_is_not_made_when_what_goes_with_it_cannot_be_recorded(
    tmp_path: Path, change: Change
) -> None:
    ledger = open_ledger(tmp_path)
    controls = hands(ledger, holding())

    def fails() -> None:
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        controls.apply(change, "somebody", fails)
    assert ledger.engine_state() == holding()
    assert ledger.next_alert() is None
    assert not ledger.value(EXIT_WANTED)


def test_stop_and_start_keep_the_peak_that_drawdown_counts_from(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    controls = hands(ledger, flat(quote=Decimal(9_000)))
    controls.apply(Change.HALT, "somebody")
    controls.apply(Change.RESUME, "somebody")
    state = ledger.engine_state()
    assert state is not None
    assert (state.mode, state.peak_equity) == (TradingMode.NORMAL, 10_000.0)


def test_a_resume_takes_a_sale_back_that_was_not_done_yet(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    controls = hands(ledger, holding().halted())
    controls.apply(Change.FORCE_EXIT, "somebody")
    assert ledger.value(EXIT_WANTED)
    controls.apply(Change.RESUME, "somebody")
    assert not ledger.value(EXIT_WANTED)


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        (Change.HALT, None, "still starting"),
        (Change.RESUME, flat(), "trading is running"),
        (Change.FORCE_EXIT, flat(), "nothing to sell"),
        (Change.TRAIN, flat(), "nobody takes requests"),
    ],
)
def test_a_change_that_means_nothing_is_refused_with_the_reason(
    tmp_path: Path, change: Change, state: EngineState | None, words: str
) -> None:
    with pytest.raises(ChangeRefused, match=words):
        hands(open_ledger(tmp_path), state).apply(change, "somebody")


def test_a_training_that_was_asked_for_before_is_not_asked_for_again(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    controls = hands(ledger, flat(), trainings=True)
    controls._digest = lambda: "sha256:" + "a" * 64
    controls.apply(Change.TRAIN, "somebody")
    assert str(ledger.value(TRAINING_WANTED)).endswith(" somebody")
    with ledger.transaction():
        ledger.drift.mark_asked("sha256:" + "a" * 64, "drift")
    with pytest.raises(ChangeRefused, match="asked for before"):
        controls.apply(Change.TRAIN, "somebody")
