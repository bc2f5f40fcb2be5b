"""A chat with people: texts and buttons out, messages and presses in. Fulfilled by the Telegram
adapter, used by the bot's outbox and commands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Button:
    """`data` comes back when it is pressed: at most 64 bytes."""

    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Message:
    """What a person wrote. `chat` and `person` are numbers as text; `sent_at` in UTC seconds."""

    update: int
    chat: str
    person: str
    name: str
    text: str
    sent_at: int


@dataclass(frozen=True, slots=True)
class Press:
    """A button that a person pressed under message `message` of the chat."""

    update: int
    chat: str
    person: str
    name: str
    id: str
    message: int
    data: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What came since, oldest first; `following` is where the next look begins."""

    items: tuple[Message | Press, ...]
    following: int


class Chats(Protocol):
    """Each call raises RetryLater with `retry_after_seconds`, or InputError when it never will."""

    async def updates(self, following: int, wait_seconds: int) -> Batch:
        """Waits up to `wait_seconds` for something that came at or after `following`."""

    async def reply(self, chat: str, text: str, buttons: Sequence[Button] = ()) -> None: ...

    async def replace(self, chat: str, message: int, text: str) -> None:
        """Puts `text` in place of a message of ours, and takes its buttons away."""

    async def answer_press(self, press_id: str, text: str) -> None:
        """Ends the waiting sign on the pressed button."""

    async def offer_commands(self, commands: Sequence[tuple[str, str]]) -> None:
        """The menu of commands (name, description) that the person's client shows."""
