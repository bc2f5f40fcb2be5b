"""Telegram's Bot API: alerts and pictures to one chat, commands from and answers to many.

Called by the bot's outbox, which keeps a message until it was sent, and by its commands: the
errors say whether and when to try again. The token appears in no error and no log line.
"""

import logging
import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import telegram
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning, PTBUserWarning

from tradinglab.adapters.telegram_pace import Pace
from tradinglab.adapters.telegram_text import CAPTION_LIMIT, length, message_parts
from tradinglab.adapters.telegram_updates import read_batch
from tradinglab.errors import ConfigurationError, InputError, RetryLater
from tradinglab.logs import fields
from tradinglab.ports.chat import Batch, Button

log = logging.getLogger(__name__)

TELEGRAM: Final = "https://api.telegram.org"
RETRY_SECONDS: Final = 5.0
CONFLICT_SECONDS: Final = 15.0
TIMEOUT_SECONDS: Final = 10.0
WANTED: Final = ["message", "callback_query"]


class TelegramUnavailable(RetryLater):
    """Try again after `retry_after_seconds`; `unsent` is what of the text was not sent."""

    def __init__(self, message: str, retry_after_seconds: float, unsent: str) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.unsent = unsent


class MessageRefused(InputError):
    """Telegram will never take this message: wrong token, unknown chat, blocked by its user."""


class TelegramSender:
    """`chat` gets the alerts; `base_url` is the server's root, without `/bot`; None is Telegram's
    own."""

    def __init__(self, token: str, chat: str, base_url: str | None = None) -> None:
        if not token or not chat:
            missing = "token" if not token else "chat"
            raise ConfigurationError(f"the Telegram {missing} is empty, expected one")
        self._token = token
        self._chat = chat
        self._pace = Pace()
        _keep_quiet()
        requests = [
            HTTPXRequest(
                read_timeout=TIMEOUT_SECONDS,
                write_timeout=TIMEOUT_SECONDS,
                connect_timeout=TIMEOUT_SECONDS,
                pool_timeout=TIMEOUT_SECONDS,
            )
            for _ in ("sending", "polling")  # a long poll must not hold up an alert
        ]
        self._bot = telegram.Bot(
            token,
            base_url=(base_url or TELEGRAM).rstrip("/") + "/bot",
            request=requests[0],
            get_updates_request=requests[1],
        )
        self._requests = requests

    async def aclose(self) -> None:
        for request in self._requests:
            await request.shutdown()

    async def send(self, text: str) -> None:
        """Sends `text`, in parts where it is longer than a message may be.

        Raises TelegramUnavailable when the same call may succeed later, MessageRefused when never.
        A timeout may hide a delivery: the outbox then sends twice rather than not at all.
        """
        await self.reply(self._chat, text)

    async def send_picture(self, picture: bytes, caption: str) -> None:
        """`picture` is a PNG. A caption too long for one follows as a message of its own."""
        short = length(caption) <= CAPTION_LIMIT
        await self._paced(
            self._chat,
            caption,
            lambda: self._bot.send_photo(
                chat_id=self._chat, photo=picture, caption=caption if short else None
            ),
        )
        if not short:
            await self.send(caption)

    async def reply(self, chat: str, text: str, buttons: Sequence[Button] = ()) -> None:
        """Plain text, no sign of it is markup. Buttons go under the last part."""
        parts = message_parts(text)
        row = [
            telegram.InlineKeyboardButton(each.text, callback_data=each.data) for each in buttons
        ]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            markup = telegram.InlineKeyboardMarkup([row]) if row and last else None

            def sending(part: str = part, markup: Any = markup) -> Awaitable[object]:
                return self._bot.send_message(chat_id=chat, text=part, reply_markup=markup)

            await self._paced(chat, "".join(parts[number:]), sending)
        log.debug("message sent", extra=fields(chat=chat, parts=len(parts)))

    async def replace(self, chat: str, message: int, text: str) -> None:
        part = message_parts(text)[0]
        await self._paced(
            chat,
            text,
            lambda: self._bot.edit_message_text(text=part, chat_id=chat, message_id=message),
        )

    async def answer_press(self, press_id: str, text: str) -> None:
        await self._calling(
            self._chat, "", lambda: self._bot.answer_callback_query(press_id, text=text)
        )

    async def offer_commands(self, commands: Sequence[tuple[str, str]]) -> None:
        await self._calling(self._chat, "", lambda: self._bot.set_my_commands(list(commands)))

    async def updates(self, following: int, wait_seconds: int) -> Batch:
        # Raw, and read here: one update that the library cannot read must not hide the others.
        asked = {"offset": following, "timeout": wait_seconds, "allowed_updates": WANTED}
        answer = await self._calling(
            self._chat,
            "",
            lambda: self._bot.do_api_request(
                "getUpdates", api_kwargs=asked, read_timeout=wait_seconds + TIMEOUT_SECONDS
            ),
        )
        try:
            return read_batch(answer, following)
        except ValueError as error:
            raise TelegramUnavailable(str(error), RETRY_SECONDS, "") from None

    async def _paced(self, chat: str, unsent: str, call: Callable[[], Awaitable[object]]) -> None:
        async with self._pace.turn(chat):
            await self._calling(chat, unsent, call)

    async def _calling(self, chat: str, unsent: str, call: Callable[[], Awaitable[object]]) -> Any:
        try:
            return await call()
        except TelegramError as error:
            raise self._translated(error, chat, unsent) from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # An answer that is JSON and yet none of the Bot API's: the library takes it for one.
            raise TelegramUnavailable(
                f"Telegram answered what cannot be read: {type(error).__name__}",
                RETRY_SECONDS,
                unsent,
            ) from None

    def _translated(self, error: TelegramError, chat: str, unsent: str) -> Exception:
        said = (str(error) or type(error).__name__).replace(self._token, "<token>")
        if isinstance(error, RetryAfter):
            pause = _seconds(error)
            self._pace.hold(chat, pause)
            return TelegramUnavailable(f"Telegram asks to wait {pause:g} s", pause, unsent)
        if isinstance(error, Conflict):
            return TelegramUnavailable(
                f"another program reads this bot's messages: {said}", CONFLICT_SECONDS, unsent
            )
        if isinstance(error, InvalidToken):
            return MessageRefused(f"Telegram refuses the bot's token: {said}")
        if isinstance(error, ChatMigrated):
            return MessageRefused(f"chat {chat} has become {error.new_chat_id}; set that instead")
        if isinstance(error, BadRequest | Forbidden):
            return MessageRefused(f"Telegram refuses the message to chat {chat}: {said}")
        if isinstance(error, TimedOut | NetworkError):
            return TelegramUnavailable(f"Telegram did not answer: {said}", RETRY_SECONDS, unsent)
        return TelegramUnavailable(f"Telegram failed: {said}", RETRY_SECONDS, unsent)


def _keep_quiet() -> None:
    """The token is part of every address, which these libraries log below the levels set here.

    The warnings: another type of `retry_after`, which is handled here already, and a method that
    has a name of its own, which is called raw on purpose.
    """
    for name, level in (
        ("telegram", logging.INFO),
        ("httpx", logging.WARNING),
        ("httpcore", logging.WARNING),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(max(level, logger.level))
    warnings.filterwarnings("ignore", category=PTBDeprecationWarning, message=".*retry_after")
    warnings.filterwarnings("ignore", category=PTBUserWarning, message=".*getUpdates")


def _seconds(error: RetryAfter) -> float:
    pause = error.retry_after
    return float(pause) if isinstance(pause, int) else pause.total_seconds()
