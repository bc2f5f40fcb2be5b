"""Commands over HTTP: the listener and its ledger against the stand-in, on real sockets."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.situations import flat, holding
from tests.telegram.people import CHAT, STRANGER, People

from tradinglab.adapters import telegram as adapter
from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.telegram import TelegramSender
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState, TradingMode
from tradinglab.errors import StorageError
from tradinglab_bot.controls import EXIT_WANTED, LedgerControls
from tradinglab_bot.telegram_commands import confirmations, listener
from tradinglab_bot.telegram_commands.listener import Listener
from tradinglab_bot.telegram_commands.moment import Moment

GROUP = -100777
SECRET_TEXT = "please buy the moon"


@pytest.fixture
def people() -> Iterator[People]:
    with People(limits=False) as found:
        yield found


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "ledger.db", lambda: time.time_ns() // 1_000_000)
    with found.transaction():
        found.save_engine_state(flat())
    yield found
    found.close()


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits than in service; the waits themselves are tested where they are."""
    monkeypatch.setattr(adapter, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(adapter, "CONFLICT_SECONDS", 0.2)
    monkeypatch.setattr(listener, "REFUSED_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("tradinglab.adapters.telegram_pace.APART_SECONDS", 0.01)


def hand(ledger: Ledger, sender: TelegramSender) -> Listener:
    controls = LedgerControls(ledger, Policy(), may_ask_for_training=False)

    def moment() -> Moment:
        return Moment(ledger.path, Policy(), 0, 1.0, state=controls.state, logs=("a line",) * 200)

    return Listener(sender, ledger, frozenset({str(CHAT), str(GROUP)}), controls, moment)


@asynccontextmanager
async def listening(people: People, ledger: Ledger) -> AsyncIterator[Listener]:
    sender = TelegramSender(people.token, str(CHAT), people.root)
    found = hand(ledger, sender)
    task = asyncio.ensure_future(found.run())
    try:
        yield found
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.aclose()


def state(ledger: Ledger) -> EngineState:
    found = ledger.engine_state()
    assert found is not None
    return found


def control_alerts(ledger: Ledger) -> list[str]:
    with sqlite3.connect(ledger.path) as connection:
        rows = connection.execute("SELECT text FROM outbox WHERE kind = 'control' ORDER BY id")
        return [row[0] for row in rows]


async def test_a_command_is_answered(people: People, ledger: Ledger) -> None:
    async with listening(people, ledger):
        answer = await people.ask("/status", "bot: running")
    assert "Equity 10,000.00" in answer["text"]
    assert answer["parse_mode"] is None


async def test_a_stranger_gets_silence_and_one_log_line_without_content(
    people: People, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listening(people, ledger):
        for _ in range(5):
            people.say(f"/stopentry {SECRET_TEXT}", STRANGER, username=SECRET_TEXT)
        people.updates.push(
            {
                "callback_query": {
                    "id": "1",
                    "from": {"id": STRANGER},
                    "message": {"message_id": 1, "chat": {"id": STRANGER}},
                    "data": SECRET_TEXT,
                }
            }
        )
        await people.ask("/version", "tradinglab-bot")
    assert all(message["chat_id"] == str(CHAT) for message in people.messages.received())
    assert not state(ledger).entries_paused
    assert SECRET_TEXT not in caplog.text
    lines = [record for record in caplog.records if "not listed" in record.message]
    assert [record.fields["chat"] for record in lines] == [str(STRANGER)]  # type: ignore[attr-defined]


async def test_a_pause_is_made_at_once_and_told(people: People, ledger: Ledger) -> None:
    async with listening(people, ledger):
        await people.ask("/stopentry", "no position is opened until /start")
        assert state(ledger).entries_paused
        await people.ask("/start", "trading goes on")
    assert not state(ledger).entries_paused
    assert [text.split(",")[0] for text in control_alerts(ledger)] == [
        "pause entries",
        "resume trading",
    ]


async def test_a_command_is_acted_on_once_though_telegram_never_heard_so(
    people: People, ledger: Ledger
) -> None:
    """As after a kill between the change and the next poll: the new listener reads the ledger."""
    sender = TelegramSender(people.token, str(CHAT), people.root)
    first = hand(ledger, sender)
    people.say("/stopentry")
    people.say("/status")
    await first.look(0)
    assert people.updates.confirmed == 0  # Telegram would send both again
    async with listening(people, ledger):
        await people.ask("/version", "tradinglab-bot")
    await sender.aclose()
    assert len(control_alerts(ledger)) == 1


@pytest.mark.parametrize(
    ("command", "words"), [("/stop", "Really halt trading"), ("/forceexit", "Really sell")]
)
async def test_a_dangerous_command_does_nothing_until_it_is_confirmed(
    people: People, ledger: Ledger, command: str, words: str
) -> None:
    with ledger.transaction():
        ledger.save_engine_state(holding())
    async with listening(people, ledger) as found:
        question = await people.ask(command, words)
        assert control_alerts(ledger) == []
        people.press(question, "Yes")
        await people.ask("/version", "tradinglab-bot")
        await found.replied()
        assert len(control_alerts(ledger)) == 1
        replaced = people.messages.received()[question["message_id"] - 1]
        assert replaced["text"].startswith(words.removeprefix("Really ")[:4])
        assert replaced["buttons"] == {}
        people.press(question, "Yes")  # again: the answer is used up
        await people.ask("/version", "tradinglab-bot")
    assert len(control_alerts(ledger)) == 1
    assert (state(ledger).mode is TradingMode.HALTED) == (command == "/stop")
    assert bool(ledger.value(EXIT_WANTED)) == (command == "/forceexit")


async def test_no_means_no(people: People, ledger: Ledger) -> None:
    async with listening(people, ledger):
        question = await people.ask("/stop", "Really")
        people.press(question, "No")
        await people.ask("/version", "tradinglab-bot")
        people.press(question, "Yes")
        await people.ask("/version", "tradinglab-bot")
    assert state(ledger).mode is TradingMode.NORMAL


async def test_only_who_asked_can_confirm(people: People, ledger: Ledger) -> None:
    async with listening(people, ledger):
        after = len(people.messages.received())
        people.say("/stop", GROUP, **{"from": 1})
        question = await people.reply("Really", after)
        people.press(question, "Yes", person=2)
        await people.ask("/version", "tradinglab-bot")
        assert state(ledger).mode is TradingMode.NORMAL
        assert "Only who sent the command can confirm it." in people.updates.answered()
        people.press(question, "Yes", person=1)
        await people.ask("/version", "tradinglab-bot")
    assert state(ledger).mode is TradingMode.HALTED


async def test_a_question_expires(
    people: People, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations, "GOOD_FOR_SECONDS", 0.2)
    async with listening(people, ledger):
        question = await people.ask("/stop", "Really")
        await asyncio.sleep(0.3)
        people.press(question, "Yes")
        await people.reply("Too late")
    assert state(ledger).mode is TradingMode.NORMAL


async def test_an_old_start_is_asked_about_and_an_old_pause_is_obeyed(
    people: People, ledger: Ledger
) -> None:
    old = int(time.time()) - 3600
    async with listening(people, ledger):
        people.say("/stopentry", date=old)
        await people.reply("no position is opened")
        people.say("/start", date=old)
        await people.reply("Really resume trading?")
    assert state(ledger).entries_paused


async def test_a_change_that_cannot_be_recorded_is_not_made_and_says_so(
    people: People, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageError("database or disk is full")

    async with listening(people, ledger):
        monkeypatch.setattr(ledger, "save_engine_state", full)
        await people.ask("/stopentry", "Not done, it cannot be recorded: database or disk is full")
        await people.ask("/version", "tradinglab-bot")
    assert control_alerts(ledger) == []


async def test_commands_are_heard_and_made_once_after_telegram_numbers_anew(
    people: People, ledger: Ledger
) -> None:
    async with listening(people, ledger):
        await people.ask("/version", "tradinglab-bot")
    people.updates.number_anew(17)
    async with listening(people, ledger):
        await people.ask("/stopentry", "no position")
        await people.ask("/version", "tradinglab-bot")
        await asyncio.sleep(0.3)
    assert len(control_alerts(ledger)) == 1
    assert people.texts()[-1].startswith("tradinglab-bot")
    assert len(people.texts()) == 3
    assert people.updates.confirmed >= 17


HOSTILE = [
    "/status " + "x" * 10_000,
    "/" + "ä" * 10_000,
    "/explain 99999999999999999999999999",
    "/daily -1",
    "/trades ١٢٣",
    "/promote <b>&lt;\"'`$(reboot)_*[]()~>#+-=|{}.!",
    "/logs \u202e\u0000\u200b",
    "/status@other_bot \ud83d\ude00",
    "//",
    "/",
    "/\n/stop",
    "🚀" * 3000,
    "/help'; DROP TABLE outbox; --",
]


async def test_hostile_input_changes_nothing_and_is_survived(
    people: People, ledger: Ledger
) -> None:
    async with listening(people, ledger):
        for text in HOSTILE:
            people.say(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        await people.ask("/version", "tradinglab-bot")
    assert control_alerts(ledger) == []
    assert all("went wrong" not in text for text in people.texts())
    assert state(ledger) == flat()


async def test_what_is_no_message_is_passed_over(people: People, ledger: Ledger) -> None:
    async with listening(people, ledger):
        for document in (
            {"message": {"message_id": "x", "chat": None}},
            {"message": {"message_id": 1, "chat": {"id": CHAT}, "from": {"id": CHAT}}},
            {"message": {"message_id": 1, "chat": {"id": CHAT}, "text": "/stopentry"}},
            {"callback_query": {"id": 5}},
            {"poll": {"id": "1"}},
            {"callback_query": {"id": "5", "from": {"id": CHAT}, "data": "yes:0"}},
        ):
            people.updates.push(document)
        await people.ask("/version", "tradinglab-bot")
    assert not state(ledger).entries_paused


@pytest.mark.parametrize("failure", ["500", "502", "429", "409", "drop", "garbage", "odd", "slow"])
async def test_polling_goes_on_after_every_failure(
    people: People, ledger: Ledger, failure: str
) -> None:
    people.messages.fail_next([f"getUpdates/{failure}:2"])
    async with listening(people, ledger):
        await people.ask("/version", "tradinglab-bot")


async def test_a_poll_that_hangs_is_left_and_begun_anew(
    people: People, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(listener, "POLL_SECONDS", 0)
    people.messages.fail_next(["getUpdates/hang:1"])
    async with listening(people, ledger):
        await people.ask("/version", "tradinglab-bot")


@pytest.mark.parametrize("failure", ["500", "429", "drop", "garbage", "odd"])
async def test_an_answer_that_fails_is_sent_again(
    people: People, ledger: Ledger, failure: str
) -> None:
    async with listening(people, ledger):
        people.messages.fail_next([failure])
        await people.ask("/version", "tradinglab-bot")


async def test_a_chat_that_blocks_the_bot_keeps_nobody_else_from_an_answer(
    people: People, ledger: Ledger
) -> None:
    async with listening(people, ledger):
        people.messages.fail_next(["403"])
        people.say("/version", GROUP)
        await asyncio.sleep(0.3)
        await people.ask("/version", "tradinglab-bot")
    assert [message["chat_id"] for message in people.messages.received()] == [str(CHAT)]


async def test_a_second_program_on_the_same_token_is_named_in_the_log(
    people: People, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(people, ledger):
        await people.ask("/version", "tradinglab-bot")
        await asyncio.to_thread(people.updates.poll, 0, 0.1)
        await people.ask("/version", "tradinglab-bot")
    said = [r.fields["why"] for r in caplog.records if "cannot be read" in r.message]  # type: ignore[attr-defined]
    assert len(said) == 1
    assert said[0].startswith("another program reads this bot's messages")


async def test_long_answers_come_in_parts_that_telegram_takes(
    people: People, ledger: Ledger
) -> None:
    async with listening(people, ledger):
        await people.ask("/show_config", "require_tradeable")
        await people.ask("/logs 40", "a line")
        await people.ask("/help", "/status")


async def test_a_flood_of_commands_is_bounded(people: People, ledger: Ledger) -> None:
    for _ in range(100):
        people.say("/version")
    async with listening(people, ledger) as found:
        await people.reply("tradinglab-bot")
        await found.replied()
        await people.ask("/help", "/status")
    assert 1 <= people.texts().count(people.texts()[0]) <= 2 * listener.MOST_REPLIES


async def test_the_token_is_in_no_log_line_alert_or_answer(
    people: People, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    people.messages.fail_next(["getUpdates/500", "getUpdates/drop", "getUpdates/401:1"])
    async with listening(people, ledger):
        await people.ask("/stopentry", "no position")
        await people.ask("/logs 40", "a line")
        await people.ask("/health", "No problem")
    printed = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert people.token not in printed
    assert people.token not in "".join(people.texts() + control_alerts(ledger))


async def test_a_resume_after_a_halt_by_drawdown_asks_and_counts_from_now(
    people: People, ledger: Ledger
) -> None:
    fallen = flat(quote=Decimal(8_000), peak_equity=10_000.0).halted()
    with ledger.transaction():
        ledger.save_engine_state(fallen)
    async with listening(people, ledger):
        question = await people.ask("/start", "Really resume trading?")
        people.press(question, "Yes")
        await people.ask("/version", "tradinglab-bot")
    assert (state(ledger).mode, state(ledger).peak_equity) == (TradingMode.NORMAL, 8_000.0)
