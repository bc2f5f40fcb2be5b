"""What a person may change in a running bot. Fulfilled by the bot, used by Telegram's commands
and by whatever else lets a person act: the same changes by the same code.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from tradinglab.errors import InputError


class ChangeRefused(InputError):
    """The change cannot be made now; the message says why, and what can be done instead."""


class Change(StrEnum):
    """`HALT` ends all trading until `RESUME`; `PAUSE_ENTRIES` only opens nothing more."""

    PAUSE_ENTRIES = "pause entries"
    HALT = "halt trading"
    RESUME = "resume trading"
    FORCE_EXIT = "sell everything"
    TRAIN = "request a training"


def nothing() -> None:
    """For callers that have nothing to record beside the change."""


class Controls(Protocol):
    def needs_confirmation(self, change: Change) -> bool:
        """True where the change as things stand moves money, loses a guard or costs hours."""

    def apply(self, change: Change, by: str, alongside: Callable[[], None] = nothing) -> str:
        """Makes the change durable and returns what happens now, in words.

        `by` names the person. `alongside` writes into the same transaction of the ledger: either
        both are recorded or neither, so that a change is made once even if the program dies.
        Raises ChangeRefused; `alongside` was not called then.
        """
