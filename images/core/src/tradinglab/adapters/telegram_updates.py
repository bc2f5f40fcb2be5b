"""What people sent, out of Telegram's raw answer to getUpdates. Used by the Telegram adapter.

Strangers can send anything to a bot: what is not a text message or a press is passed over, so
that nothing can stop the reading of what comes after it.
"""

from typing import Any

from pydantic import BaseModel, Field, ValidationError

from tradinglab.ports.chat import Batch, Message, Press

LONGEST_TEXT = 4096
LONGEST_NAME = 32


class _Person(BaseModel):
    id: int
    username: str = ""
    first_name: str = ""

    @property
    def name(self) -> str:
        """As it may be shown and logged: nothing in it can begin a line or turn the writing."""
        written = f"@{self.username}" if self.username else self.first_name
        return "".join(each for each in written if each.isprintable())[:LONGEST_NAME]


class _Chat(BaseModel):
    id: int


class _Message(BaseModel):
    message_id: int
    date: int = 0
    chat: _Chat
    sender: _Person | None = Field(default=None, alias="from")
    text: str = ""


class _Press(BaseModel):
    id: str
    sender: _Person = Field(alias="from")
    message: _Message
    data: str = ""


class _Update(BaseModel):
    update_id: int
    message: _Message | None = None
    callback_query: _Press | None = None


def read_batch(answer: Any, following: int) -> Batch:
    """Raises ValueError when the answer is no list of updates at all.

    After a quiet week Telegram numbers anew, at random, and answers from the oldest update where
    the place asked for is not in its queue: what follows may lie below what was asked for.
    """
    if not isinstance(answer, list):
        raise ValueError(f"getUpdates answered {type(answer).__name__}, expected a list")
    items: list[Message | Press] = []
    numbers: list[int] = []
    for raw in answer:
        number = raw.get("update_id") if isinstance(raw, dict) else None
        if not isinstance(number, int):
            raise ValueError("getUpdates answered an update without update_id")
        numbers.append(number)
        item = _item(raw)
        if item is not None:
            items.append(item)
    items.sort(key=lambda each: each.update)
    return Batch(tuple(items), max(numbers) + 1 if numbers else following)


def _item(raw: dict[str, Any]) -> Message | Press | None:
    try:
        update = _Update.model_validate(raw)
    except ValidationError:
        return None
    if update.message is not None and update.message.sender is not None and update.message.text:
        message, sender = update.message, update.message.sender
        return Message(
            update=update.update_id,
            chat=str(message.chat.id),
            person=str(sender.id),
            name=sender.name,
            text=message.text[:LONGEST_TEXT],
            sent_at=message.date,
        )
    press = update.callback_query
    if press is None:
        return None
    return Press(
        update=update.update_id,
        chat=str(press.message.chat.id),
        person=str(press.sender.id),
        name=press.sender.name,
        id=press.id,
        message=press.message.message_id,
        data=press.data,
    )
