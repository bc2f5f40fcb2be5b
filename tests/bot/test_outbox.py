"""Alerts leave in order, at least once, at the pace that is asked for."""

from pathlib import Path

import pytest
from tests.ledger.entries import open_ledger

from tradinglab.adapters.telegram import MessageRefused, TelegramUnavailable
from tradinglab.errors import StorageError
from tradinglab_bot.outbox import REFUSED_PAUSE_SECONDS, Outbox


class Chat:
    """Collects what arrives; `failures` are raised first, one per attempt."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.texts: list[str] = []
        self.pictures: list[bytes] = []

    async def send_picture(self, picture: bytes, caption: str) -> None:
        await self.send(caption)
        self.pictures.append(picture)

    async def send(self, text: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.texts.append(text)


async def test_alerts_arrive_in_order(tmp_path: Path) -> None:
    ledger, chat = open_ledger(tmp_path), Chat()
    for text in ("first", "second", "third"):
        ledger.add_alert("fill", text)
    outbox = Outbox(ledger, chat)
    await outbox.drain(5)
    ledger.add_alert("fill", "fourth")
    await outbox.drain(5)
    assert "\n".join(chat.texts) == "first\nsecond\nthird\nfourth"
    assert ledger.next_alert() is None


async def test_what_piled_up_in_an_outage_arrives_in_few_messages(tmp_path: Path) -> None:
    ledger, chat = open_ledger(tmp_path), Chat()
    texts = [f"alert {number} " + "x" * 100 for number in range(200)]
    with ledger.transaction():
        for text in texts:
            ledger.add_alert("fill", text)
    await Outbox(ledger, chat).drain(5)
    assert "\n".join(chat.texts) == "\n".join(texts)
    assert len(chat.texts) < 10
    assert all(len(text) <= 4096 for text in chat.texts)


async def test_a_daily_summary_is_a_message_of_its_own_with_its_picture(tmp_path: Path) -> None:
    ledger, chat = open_ledger(tmp_path), Chat()
    for kind, text in (("fill", "before"), ("daily", "the day"), ("fill", "after")):
        ledger.add_alert(kind, text)

    async def picture(alert_id: int) -> bytes:
        return f"picture {alert_id}".encode()

    await Outbox(ledger, chat, picture).drain(5)
    assert chat.texts == ["before", "the day", "after"]
    assert chat.pictures == [b"picture 2"]


async def test_a_daily_summary_goes_without_a_picture_that_is_refused(tmp_path: Path) -> None:
    ledger, chat = open_ledger(tmp_path), Chat(MessageRefused("no picture"))
    ledger.add_alert("daily", "the day")

    async def picture(_: int) -> bytes:
        return b"spoilt"

    await Outbox(ledger, chat, picture).drain(5)
    assert (chat.texts, chat.pictures) == (["the day"], [])


async def test_a_rate_limit_is_obeyed_and_the_alert_stays_first(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    chat = Chat(TelegramUnavailable("wait", 7.5, "first"))
    ledger.add_alert("fill", "first")
    outbox = Outbox(ledger, chat)
    assert await outbox.send_next() == 7.5
    ledger.add_alert("fill", "second")
    assert await outbox.send_next() == 0
    assert chat.texts == ["first"]


async def test_a_refused_message_is_kept_and_tried_again_later(tmp_path: Path) -> None:
    ledger, chat = open_ledger(tmp_path), Chat(MessageRefused("chat not found"))
    ledger.add_alert("fill", "first")
    assert await Outbox(ledger, chat).send_next() == REFUSED_PAUSE_SECONDS
    alert = ledger.next_alert()
    assert alert is not None
    assert alert.attempts == 1


async def test_unsent_alerts_survive_an_outage_of_the_whole_run(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.add_alert("fill", "first")
    dead = Chat(*[TelegramUnavailable("no route", 0.05, "first")] * 100)
    await Outbox(ledger, dead).drain(0.2)
    ledger.close()
    again, chat = open_ledger(tmp_path), Chat()
    await Outbox(again, chat).drain(5)
    assert chat.texts == ["first"]


async def test_of_a_long_alert_only_the_parts_that_did_not_arrive_are_sent_again(
    tmp_path: Path,
) -> None:
    ledger = open_ledger(tmp_path)
    chat = Chat(TelegramUnavailable("no route", 0.0, "-second half"))
    ledger.add_alert("fill", "first half-second half")
    outbox = Outbox(ledger, chat)
    assert await outbox.send_next() == 0
    ledger.add_alert("fill", "another")
    await outbox.drain(5)
    assert chat.texts == ["-second half", "another"]


async def test_what_was_sent_is_not_sent_again_while_that_cannot_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, chat = open_ledger(tmp_path), Chat()
    ledger.add_alert("fill", "first")
    outbox = Outbox(ledger, chat)

    def full(_: int) -> None:
        raise StorageError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "mark_alert_sent", full)
        for _ in range(3):
            with pytest.raises(StorageError):
                await outbox.send_next()
    await outbox.drain(5)
    assert chat.texts == ["first"]
    assert ledger.next_alert() is None
