"""Telegram's Bot API as far as alerts need it: send a text to one chat.

Called by the bot's outbox, which keeps a message until it was sent: the errors say whether and
when to try again. The token appears in no error and no log line.
"""

import logging
import warnings
from typing import Final

import telegram
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning

from tradinglab.errors import ConfigurationError, InputError, RetryLater
from tradinglab.logs import fields

log = logging.getLogger(__name__)

TEXT_LIMIT: Final = 4096  # Bot API, sendMessage; counted here in UTF-16 units, never too few
PART_LIMIT: Final = 4
RETRY_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 10.0
SHORTENED: Final = "\n… (shortened)"


class TelegramUnavailable(RetryLater):
    """Try again after `retry_after_seconds`; `unsent` is what of the text was not sent."""

    def __init__(self, message: str, retry_after_seconds: float, unsent: str) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.unsent = unsent


class MessageRefused(InputError):
    """Telegram will never take this message: wrong token, unknown chat, blocked by its user."""


class TelegramSender:
    """`base_url` is the server's root, without `/bot`; None is Telegram's own."""

    def __init__(self, token: str, chat: str, base_url: str | None = None) -> None:
        if not token or not chat:
            missing = "token" if not token else "chat"
            raise ConfigurationError(f"the Telegram {missing} is empty, expected one")
        self._token = token
        self._chat = chat
        _keep_addresses_out_of_logs()
        # It announces another type of `retry_after`, which is handled here already.
        warnings.filterwarnings("ignore", category=PTBDeprecationWarning, message=".*retry_after")
        request = HTTPXRequest(
            read_timeout=TIMEOUT_SECONDS,
            write_timeout=TIMEOUT_SECONDS,
            connect_timeout=TIMEOUT_SECONDS,
            pool_timeout=TIMEOUT_SECONDS,
        )
        root = "" if base_url is None else base_url.rstrip("/") + "/bot"
        if root:
            self._bot = telegram.Bot(token, base_url=root, request=request)
        else:
            self._bot = telegram.Bot(token, request=request)

    async def send(self, text: str) -> None:
        """Sends `text`, in parts where it is longer than a message may be.

        Raises TelegramUnavailable when the same call may succeed later, MessageRefused when never.
        A timeout may hide a delivery: the outbox then sends twice rather than not at all.
        """
        parts = message_parts(text)
        for number, part in enumerate(parts):
            try:
                await self._bot.send_message(chat_id=self._chat, text=part)
            except TelegramError as error:
                raise self._translated(error, "".join(parts[number:])) from None
        log.debug("message sent", extra=fields(chat=self._chat, parts=len(parts)))

    async def aclose(self) -> None:
        await self._bot.request.shutdown()

    def _translated(self, error: TelegramError, unsent: str) -> Exception:
        said = (str(error) or type(error).__name__).replace(self._token, "<token>")
        if isinstance(error, RetryAfter):
            pause = _seconds(error)
            return TelegramUnavailable(f"Telegram asks to wait {pause:g} s", pause, unsent)
        if isinstance(error, InvalidToken):
            return MessageRefused(f"Telegram refuses the bot's token: {said}")
        if isinstance(error, ChatMigrated):
            return MessageRefused(
                f"chat {self._chat} has become {error.new_chat_id}; set that one instead"
            )
        if isinstance(error, BadRequest | Forbidden):
            return MessageRefused(f"Telegram refuses the message to chat {self._chat}: {said}")
        if isinstance(error, TimedOut | NetworkError):
            return TelegramUnavailable(f"Telegram did not answer: {said}", RETRY_SECONDS, unsent)
        return TelegramUnavailable(f"Telegram failed: {said}", RETRY_SECONDS, unsent)


def _keep_addresses_out_of_logs() -> None:
    """The token is part of every address, which these libraries log below the levels set here."""
    for name, level in (
        ("telegram", logging.INFO),
        ("httpx", logging.WARNING),
        ("httpcore", logging.WARNING),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(max(level, logger.level))


def _seconds(error: RetryAfter) -> float:
    pause = error.retry_after
    return float(pause) if isinstance(pause, int) else pause.total_seconds()


def message_parts(text: str) -> list[str]:
    """`text` in messages of at most TEXT_LIMIT, cut after a line or a word where there is one.

    Joined they are the text again, unless it needs more than PART_LIMIT: then the last one says
    that it was shortened. An empty text needs a sign, because Telegram refuses it.
    """
    if not text.strip():
        return ["(empty message)"]
    parts: list[str] = []
    while _units(text) > TEXT_LIMIT:
        if len(parts) == PART_LIMIT - 1:
            parts.append(text[: _fitting(text, TEXT_LIMIT - _units(SHORTENED))] + SHORTENED)
            return parts
        end = _fitting(text, TEXT_LIMIT)
        for separator in ("\n", " "):
            found = text.rfind(separator, end // 2, end)
            if found > 0 and text[: found + 1].strip() and text[found + 1 :].strip():
                end = found + 1
                break
        parts.append(text[:end])
        text = text[end:]
    parts.append(text)
    return parts


def _units(text: str) -> int:
    """Length in UTF-16 units: an emoji counts two."""
    return len(text) + sum(character > "\uffff" for character in text)


def _fitting(text: str, limit: int) -> int:
    """How many characters of `text` fit into `limit` UTF-16 units."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return index
    return len(text)
