"""What a person changes, made durable in the ledger. Called by Telegram's commands; the duties
carry out what concerns the exchange or the operator.

A change is a value in the ledger, not a call that runs: it holds after any crash, and what is
still to be done about it is seen from the state alone.
"""

import logging
from collections.abc import Callable
from decimal import Decimal

from tradinglab.adapters.ledger import Ledger
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState, TradingMode
from tradinglab.logs import fields
from tradinglab.ports.controls import Change, ChangeRefused, nothing
from tradinglab_bot import story
from tradinglab_bot.books import Books

log = logging.getLogger(__name__)

EXIT_WANTED = "exit_wanted"
TRAINING_WANTED = "training_wanted"
NO_STATE = "the account is not known yet: the bot is still starting; try again in a minute"


class LedgerControls:
    """`may_ask_for_training`: somebody takes such requests."""

    def __init__(self, ledger: Ledger, policy: Policy, *, may_ask_for_training: bool) -> None:
        self._ledger = ledger
        self._policy = policy
        self._may_ask_for_training = may_ask_for_training
        self._books: Books | None = None
        self._digest: Callable[[], str] | None = None

    def attach(self, books: Books, digest: Callable[[], str]) -> None:
        """Once the books are open they hold the state; `digest` names the artifact in service."""
        self._books, self._digest = books, digest

    @property
    def state(self) -> EngineState | None:
        return self._books.state if self._books is not None else self._ledger.engine_state()

    def needs_confirmation(self, change: Change) -> bool:
        if change is Change.RESUME:
            state = self.state
            return state is not None and state.mode is not TradingMode.NORMAL
        return change is not Change.PAUSE_ENTRIES

    def apply(self, change: Change, by: str, alongside: Callable[[], None] = nothing) -> str:
        state = self.state
        if state is None:
            raise ChangeRefused(NO_STATE)
        changed, values, said = {
            Change.PAUSE_ENTRIES: self._pause,
            Change.HALT: self._halt,
            Change.RESUME: self._resume,
            Change.FORCE_EXIT: self._exit,
            Change.TRAIN: self._train,
        }[change](state, by)
        with self._ledger.transaction():
            for key, value in values.items():
                self._ledger.set_value(key, value)
            if changed is not state:
                self._ledger.save_engine_state(changed)
            self._ledger.add_alert("control", f"{change.value}, by {by}: {said}")
            alongside()
        if self._books is not None:
            self._books.state = changed
        log.info(f"a person asks to {change.value}", extra=fields(by=by, now=said))
        return said

    def _pause(self, state: EngineState, _: str) -> tuple[EngineState, dict[str, str], str]:
        said = "no position is opened until /start; an open one is managed and keeps its stop"
        return state.with_entries(paused=True), {}, said

    def _halt(self, state: EngineState, _: str) -> tuple[EngineState, dict[str, str], str]:
        held = "; the position stays, its stop is at the exchange" if state.position else ""
        return state.halted(), {}, f"trading is halted until /start{held}"

    def _resume(self, state: EngineState, _: str) -> tuple[EngineState, dict[str, str], str]:
        if state.mode is TradingMode.NORMAL and not state.entries_paused:
            raise ChangeRefused("trading is running: nothing to resume")
        said = "trading goes on at the next closed bar"
        resumed = state.with_entries(paused=False)
        if state.mode is not TradingMode.NORMAL:
            peak = self._peak_to_resume_from(state)
            if peak != state.peak_equity:
                said += f"; drawdown counts from {story.money(peak)}"
            resumed = resumed.resumed(peak)
        return resumed, {EXIT_WANTED: ""}, said

    def _peak_to_resume_from(self, state: EngineState) -> float:
        """The old peak, unless trading from there would halt again at once."""
        equity = float(state.equity(Decimal(repr(state.indicators.last_close))))
        limit = state.peak_equity * (1 - self._policy.max_drawdown_fraction)
        return state.peak_equity if equity > limit else equity

    def _exit(self, state: EngineState, by: str) -> tuple[EngineState, dict[str, str], str]:
        if state.position is None and state.entry is None:
            raise ChangeRefused("there is nothing to sell: no position and no resting entry")
        said = "the entry is taken back, what is held is sold at the market now"
        if not state.entries_paused and state.mode is TradingMode.NORMAL:
            said += "; later bars may buy again: /stopentry prevents that"
        return state, {EXIT_WANTED: by}, said

    def _train(self, state: EngineState, by: str) -> tuple[EngineState, dict[str, str], str]:
        if not self._may_ask_for_training:
            raise ChangeRefused("nobody takes requests for a training from this bot")
        if self._digest is None:
            raise ChangeRefused(NO_STATE)
        digest = self._digest()
        if self._ledger.drift.was_asked(digest):
            raise ChangeRefused(
                "a training in place of this model was asked for before; the operator acts on "
                "the first request only"
            )
        said = "the operator is asked; it trains unless its schedule is suspended"
        return state, {TRAINING_WANTED: f"{digest} {by}"}, said
