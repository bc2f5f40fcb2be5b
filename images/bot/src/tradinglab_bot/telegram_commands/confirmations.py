"""Questions that wait for a press: each is good once, for one person, for a short time.

Called by the listener. Kept in memory alone: a restart voids them, and the person asks again.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from tradinglab.ports.chat import Press
from tradinglab.ports.controls import Change

GOOD_FOR_SECONDS = 60.0
MOST_WAITING = 100
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Question:
    change: Change
    chat: str
    person: str
    until: float


class Confirmations:
    """`now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._waiting: dict[str, Question] = {}

    def ask(self, change: Change, chat: str, person: str) -> tuple[str, str]:
        """The data of the two buttons, yes and no. The newest questions are kept."""
        while len(self._waiting) >= MOST_WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        key = secrets.token_hex(8)
        self._waiting[key] = Question(change, chat, person, self._now() + GOOD_FOR_SECONDS)
        return f"{YES}:{key}", f"{NO}:{key}"

    def may_answer(self, press: Press) -> bool:
        """False for who did not ask: the question stays open."""
        question = self._waiting.get(_key(press))
        return question is None or (question.chat, question.person) == (press.chat, press.person)

    def take(self, press: Press) -> Change | str:
        """The change that is confirmed, or in words why there is none."""
        question = self._waiting.pop(_key(press), None)
        if question is None:
            return "This question is answered or too old: send the command again."
        if self._now() > question.until:
            return f"Too late ({GOOD_FOR_SECONDS:.0f} s): send the command again."
        if press.data.partition(":")[0] != YES:
            return f"Not done: {question.change.value}."
        return question.change


def _key(press: Press) -> str:
    return press.data.partition(":")[2]
