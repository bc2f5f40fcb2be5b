"""Reads what people send over Telegram and acts on it: once each, from listed chats alone.

Started by the bot beside its trading, which never waits for it. The place in Telegram's queue is
kept in the ledger: before an answer, and in the same transaction as a change.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from tradinglab.adapters.ledger import Ledger
from tradinglab.errors import InputError, RetryLater, StorageError, TradinglabError
from tradinglab.logs import fields
from tradinglab.ports.chat import Button, Chats, Message, Press
from tradinglab.ports.controls import Change, ChangeRefused, Controls
from tradinglab_bot.telegram_commands.catalogue import COMMANDS, command_in
from tradinglab_bot.telegram_commands.confirmations import GOOD_FOR_SECONDS, Confirmations
from tradinglab_bot.telegram_commands.moment import Answer, Moment

log = logging.getLogger(__name__)

FOLLOWING = "telegram_following"
POLL_SECONDS = 25
REFUSED_PAUSE_SECONDS = 60.0
STALE_SECONDS = 300  # older orders to go on are asked about: much may have happened since
MOST_REPLIES = 20
REPLY_ATTEMPTS = 3
STRANGERS_KEPT = 100
PRESS_TEXT = 200  # Bot API, answerCallbackQuery
DEFECT = "That went wrong inside the bot; its log has the details."


class Listener:
    """`allowed` holds the numbers of chats; `moment` takes a picture of the bot for an answer."""

    def __init__(
        self,
        chats: Chats,
        ledger: Ledger,
        allowed: frozenset[str],
        controls: Controls,
        moment: Callable[[], Moment],
        wall_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._chats = chats
        self._ledger = ledger
        self._allowed = allowed
        self._controls = controls
        self._moment = moment
        self._wall_seconds = wall_seconds
        self._confirmations = Confirmations()
        self._following = int(ledger.value(FOLLOWING) or 0)
        self._strangers: set[str] = set()
        self._replies: set[asyncio.Task[None]] = set()
        self._problem: str | None = None

    async def run(self) -> None:
        menu_offered = False
        try:
            while True:
                try:
                    if not menu_offered:
                        await self._chats.offer_commands(
                            [(name, each.help) for name, each in COMMANDS.items()]
                        )
                        menu_offered = True
                    await self.look(POLL_SECONDS)
                except RetryLater as error:
                    self._note(str(error))
                    await asyncio.sleep(getattr(error, "retry_after_seconds", 5.0))
                except InputError as error:
                    self._note(str(error))
                    await asyncio.sleep(REFUSED_PAUSE_SECONDS)
                except Exception:
                    log.exception("commands went wrong")  # a defect here must not stop trading
                    await asyncio.sleep(REFUSED_PAUSE_SECONDS)
        finally:
            for task in self._replies:
                task.cancel()
            await asyncio.gather(*self._replies, return_exceptions=True)

    async def look(self, wait_seconds: int) -> None:
        """One look at what came, and all of it taken."""
        batch = await self._chats.updates(self._following, wait_seconds)
        self._note(None)
        for item in batch.items:
            self._following = item.update + 1
            if item.chat not in self._allowed:
                self._ignore(item)
            elif isinstance(item, Press):
                self._take_press(item)
            else:
                self._take_message(item)
        if batch.following != int(self._ledger.value(FOLLOWING) or 0):
            self._following = batch.following
            self._try_to_pass(batch.following)

    async def replied(self) -> None:
        """Until every answer so far was sent or given up."""
        await asyncio.gather(*self._replies)

    def _ignore(self, item: Message | Press) -> None:
        """Nothing of what a stranger wrote is kept, and nobody can fill the log with it."""
        level = logging.DEBUG
        if item.chat not in self._strangers and len(self._strangers) < STRANGERS_KEPT:
            self._strangers.add(item.chat)
            level = logging.WARNING
        log.log(level, "a chat that is not listed is not answered", extra=fields(chat=item.chat))

    def _take_message(self, message: Message) -> None:
        found = command_in(message.text)
        if found is None:
            return
        name, argument = found
        command = COMMANDS.get(name)
        log.info("command", extra=fields(name=name if command else "unknown", chat=message.chat))
        if command is None:
            self._try_to_pass(message.update + 1)
            self._say(message.chat, "I do not know this command. /help lists those I know.")
        elif command.change is not None:
            self._take_change(message, command.change)
        elif command.answer is not None:
            self._try_to_pass(message.update + 1)
            self._spawn(self._answer(message.chat, command.answer, self._moment(), argument))

    def _take_change(self, message: Message, change: Change) -> None:
        stale = self._wall_seconds() - message.sent_at > STALE_SECONDS
        asks = self._controls.needs_confirmation(change) or (stale and change is Change.RESUME)
        if not asks:
            self._say(message.chat, self._apply(change, message))
            return
        self._try_to_pass(message.update + 1)
        yes, no = self._confirmations.ask(change, message.chat, message.person)
        self._say(
            message.chat,
            f"Really {change.value}? Good for {GOOD_FOR_SECONDS:.0f} s.",
            (Button(f"Yes, {change.value}", yes), Button("No", no)),
        )

    def _take_press(self, press: Press) -> None:
        if not self._confirmations.may_answer(press):
            self._try_to_pass(press.update + 1)
            self._spawn(self._end_press(press, "Only who sent the command can confirm it."))
            return
        taken = self._confirmations.take(press)
        if isinstance(taken, Change):
            text = f"{taken.value}: {self._apply(taken, press)}"
        else:
            self._try_to_pass(press.update + 1)
            text = taken
        self._spawn(self._end_press(press, text, replace=True))

    def _apply(self, change: Change, item: Message | Press) -> str:
        """What is said of it. Where the ledger cannot take the change, it is not made."""
        by = f"{item.name or 'person'} ({item.person}) in chat {item.chat}"
        try:
            return self._controls.apply(change, by, lambda: self._pass(item.update + 1))
        except ChangeRefused as refused:
            self._try_to_pass(item.update + 1)
            return f"Not done: {refused}."
        except StorageError as error:
            return f"Not done, it cannot be recorded: {error}"

    def _pass(self, following: int) -> None:
        self._ledger.set_value(FOLLOWING, str(following))

    def _try_to_pass(self, following: int) -> None:
        """Where the ledger cannot be written, an answer may come again after a restart."""
        try:
            with self._ledger.transaction():
                self._pass(following)
        except StorageError as error:
            log.debug("place in Telegram's queue not kept", extra=fields(why=str(error)))

    async def _answer(self, chat: str, answer: Answer, moment: Moment, argument: str) -> None:
        try:
            text = await asyncio.to_thread(answer, moment, argument)
        except TradinglabError as error:
            text = str(error)
        except Exception:
            log.exception("a command went wrong")
            text = DEFECT
        await self._persist(lambda: self._chats.reply(chat, text))

    def _say(self, chat: str, text: str, buttons: Sequence[Button] = ()) -> None:
        self._spawn(self._persist(lambda: self._chats.reply(chat, text, buttons)))

    async def _end_press(self, press: Press, text: str, *, replace: bool = False) -> None:
        """The question gives way to what became of it, and its buttons with it."""
        shown = text[:PRESS_TEXT]
        await self._persist(lambda: self._chats.answer_press(press.id, shown))
        if replace:
            await self._persist(lambda: self._chats.replace(press.chat, press.message, text))

    async def _persist(self, call: Callable[[], Awaitable[None]]) -> None:
        """An answer is worth a few tries; who misses one asks again."""
        for _ in range(REPLY_ATTEMPTS):
            try:
                await call()
            except RetryLater as error:
                log.debug("answer not sent yet", extra=fields(why=str(error)))
                await asyncio.sleep(float(getattr(error, "retry_after_seconds", 5.0)))
            except InputError as error:
                log.info("answer not taken", extra=fields(why=str(error)))
                return
            else:
                return
        log.warning("answer given up: Telegram does not take it")

    def _spawn(self, replying: Coroutine[None, None, None]) -> None:
        if len(self._replies) >= MOST_REPLIES:
            replying.close()
            log.warning("too many commands at once: one is not answered")
            return
        task = asyncio.ensure_future(replying)
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    def _note(self, problem: str | None) -> None:
        """Said when it begins, when it changes and when it ends."""
        if problem == self._problem:
            return
        if problem is None:
            log.info("Telegram's commands are read again")
        else:
            log.warning("Telegram's commands cannot be read", extra=fields(why=problem))
        self._problem = problem
