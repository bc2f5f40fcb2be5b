"""What a person's pause and halt do to the engine's decisions."""

from tests.engine.situations import DOWN, bar, facts, flat, forecast, holding, resting

from tradinglab.domain.order import CancelIntent, CancelTarget
from tradinglab.engine.decision import Reason
from tradinglab.engine.policy import Policy
from tradinglab.engine.step import step

POLICY = Policy()


def test_nothing_is_opened_while_entries_are_paused() -> None:
    _, decision = step(flat().with_entries(paused=True), bar(), forecast(), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.PAUSED, ())


def test_an_entry_that_rests_is_taken_back_while_entries_are_paused() -> None:
    state = flat().model_copy(update={"entry": resting()}).with_entries(paused=True)
    _, decision = step(state, bar(), forecast(), facts(), Policy(entry_patience_bars=5))
    assert decision.intents == (CancelIntent(CancelTarget.ENTRY),)


def test_a_position_is_still_sold_while_entries_are_paused() -> None:
    state = holding().with_entries(paused=True)
    _, decision = step(state, bar(), forecast(DOWN), facts(), POLICY)
    assert decision.reason is Reason.EXIT


def test_entries_go_on_after_a_pause() -> None:
    state = flat().with_entries(paused=True).with_entries(paused=False)
    assert step(state, bar(), forecast(), facts(), POLICY)[1].reason is Reason.ENTER


def test_a_halt_by_a_person_places_no_order_even_with_a_position() -> None:
    _, decision = step(holding().halted(), bar(), forecast(DOWN), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.HALTED, ())
