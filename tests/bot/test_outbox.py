"""Alerts leave in order, at least once, at the pace that is asked for."""

from pathlib import Path

from tests.ledger.entries import open_ledger

from tradinglab.adapters.telegram import MessageRefused, TelegramUnavailable
from tradinglab_bot.outbox import REFUSED_PAUSE_SECONDS, Outbox


class Chat:
    """Collects what arrives; `failures` are raised first, one per attempt."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.texts: list[str] = []

    async def send(self, text: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.texts.append(text)


async def test_alerts_arrive_in_order(tmp_path: Path) -> None:
    ledger, chat = open_ledger(tmp_path), Chat()
    for text in ("first", "second", "third"):
        ledger.add_alert("fill", text)
    await Outbox(ledger, chat).drain(5)
    assert chat.texts == ["first", "second", "third"]
    assert ledger.next_alert() is None


async def test_a_rate_limit_is_obeyed_and_the_alert_stays_first(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    chat = Chat(TelegramUnavailable("wait", 7.5, "first"))
    ledger.add_alert("fill", "first")
    ledger.add_alert("fill", "second")
    outbox = Outbox(ledger, chat)
    assert await outbox.send_next() == 7.5
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
    ledger.add_alert("fill", "another")
    await Outbox(ledger, chat).drain(5)
    assert chat.texts == ["-second half", "another"]
