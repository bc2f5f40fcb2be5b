"""The sender against the stand-in over a real socket."""

import logging
import re
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from tests.stand_ins.telegram_stand_in import DEFAULT_TOKEN, make_server

from tradinglab import logs
from tradinglab.adapters import telegram as adapter
from tradinglab.adapters.telegram import MessageRefused, TelegramSender, TelegramUnavailable
from tradinglab.errors import ConfigurationError, InputError, RetryLater

CHAT = "4242"
PROGRAM = Path(__file__).parents[1] / "stand_ins" / "telegram_stand_in.py"


@pytest.fixture
def start():
    """Starts a stand-in with the given options; returns its root and its messages."""
    servers = []

    def starting(**options):
        server = make_server("127.0.0.1", 0, **options)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", server.RequestHandlerClass.messages

    yield starting
    for server in servers:
        server.shutdown()
        server.server_close()


async def sent(root, text, token=DEFAULT_TOKEN, chat=CHAT):
    sender = TelegramSender(token, chat, root)
    try:
        await sender.send(text)
    finally:
        await sender.aclose()


async def test_a_text_arrives_unchanged_in_its_chat(start):
    root, messages = start()
    await sent(root, "BTC/USDT: bought 0.01 <at> 30 000 & holding — ✓ 📈")
    (message,) = messages.received()
    assert message["chat_id"] == CHAT
    assert message["text"] == "BTC/USDT: bought 0.01 <at> 30 000 & holding — ✓ 📈"


async def test_a_channel_name_is_a_chat_too(start):
    root, messages = start()
    await sent(root, "hello", chat="@my_channel")
    assert messages.received()[0]["chat_id"] == "@my_channel"


async def test_a_long_text_arrives_whole_in_messages_of_at_most_4096(start):
    root, messages = start()
    text = "\n".join(f"{i:05d} 📈 one line of a long report" for i in range(250))
    await sent(root, text)
    received = [message["text"] for message in messages.received()]
    assert len(received) > 1
    assert all(len(part.encode("utf-16-le")) // 2 <= 4096 for part in received)
    assert "".join(received) == text
    assert all(part.endswith("\n") for part in received[:-1])


async def test_an_endless_text_is_shortened_and_says_so(start):
    root, messages = start(limits=False)
    await sent(root, "x" * 50_000)
    received = [message["text"] for message in messages.received()]
    assert len(received) == 4
    assert received[-1].endswith("(shortened)")
    assert len(received[-1]) <= 4096


async def test_what_a_failed_part_left_unsent_is_told(start):
    root, messages = start(limits=False)
    text = "".join(f"{i:07d} " for i in range(1_000))
    messages.fail_next([])
    sender = TelegramSender(DEFAULT_TOKEN, CHAT, root)
    original = messages.accept

    def accept_then_fail(parameters):
        messages.fail_next(["500"])
        return original(parameters)

    messages.accept = accept_then_fail
    with pytest.raises(TelegramUnavailable) as raised:
        await sender.send(text)
    await sender.aclose()
    first = messages.received()[0]["text"]
    assert first + raised.value.unsent == text


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_an_empty_text_is_still_a_message(start, text):
    root, messages = start()
    await sent(root, text)
    assert messages.received()[0]["text"] == "(empty message)"


@pytest.mark.parametrize("failure", ["500", "502", "503", "drop", "garbage", "odd", "lost"])
async def test_a_failing_server_means_retry_later(start, failure):
    root, messages = start(failures=[failure])
    with pytest.raises(TelegramUnavailable) as raised:
        await sent(root, "hello")
    assert isinstance(raised.value, RetryLater)
    assert raised.value.retry_after_seconds > 0
    assert raised.value.unsent == "hello"
    assert len(messages.received()) == (1 if failure == "lost" else 0)


async def test_flood_control_says_how_long_to_wait(start):
    root, _ = start(failures=["429"])
    with pytest.raises(TelegramUnavailable) as raised:
        await sent(root, "hello")
    assert raised.value.retry_after_seconds == 2


async def test_messages_to_one_chat_go_a_second_apart_and_none_is_refused(start):
    root, messages = start()
    sender = TelegramSender(DEFAULT_TOKEN, CHAT, root)
    for number in range(5):
        await sender.send(f"message {number}")
    await sender.aclose()
    received = messages.received()
    assert [message["text"] for message in received] == [f"message {n}" for n in range(5)]
    times = [message["at"] for message in received]
    assert all(later - earlier >= 0.99 for earlier, later in pairwise(times))


async def test_what_flood_control_asks_for_is_waited_before_the_next_message(start):
    root, messages = start(failures=["429"])
    sender = TelegramSender(DEFAULT_TOKEN, CHAT, root)
    with pytest.raises(TelegramUnavailable):
        await sender.send("refused")
    began = time.monotonic()
    await sender.send("obedient")
    await sender.aclose()
    assert time.monotonic() - began >= 1.9
    assert [message["text"] for message in messages.received()] == ["obedient"]


async def test_a_server_that_hangs_is_left_after_the_timeout(start, monkeypatch):
    monkeypatch.setattr(adapter, "TIMEOUT_SECONDS", 0.3)
    root, _ = start(failures=["hang"])
    began = time.monotonic()
    with pytest.raises(TelegramUnavailable):
        await sent(root, "hello")
    assert time.monotonic() - began < 3


async def test_an_unreachable_server_means_retry_later():
    with pytest.raises(TelegramUnavailable):
        await sent("http://127.0.0.1:9", "hello")


@pytest.mark.parametrize("token", ["999:unknown", "malformed", "9:with space"])
async def test_a_wrong_token_never_succeeds_and_is_not_shown(start, token):
    root, _ = start()
    with pytest.raises(MessageRefused) as raised:
        await sent(root, "hello", token=token)
    assert isinstance(raised.value, InputError)
    assert token not in str(raised.value)


async def test_an_unknown_chat_never_succeeds_and_is_named(start):
    root, _ = start(chats=["1"])
    with pytest.raises(MessageRefused, match=r"chat 4242: Chat not found"):
        await sent(root, "hello")


async def test_a_chat_that_blocked_the_bot_never_succeeds(start):
    root, _ = start(failures=["403"])
    with pytest.raises(MessageRefused, match="blocked"):
        await sent(root, "hello")


async def test_a_migrated_chat_names_the_new_one(start):
    root, _ = start(failures=["migrated"])
    with pytest.raises(MessageRefused, match="-1001"):
        await sent(root, "hello")


def test_an_empty_token_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="token is empty"):
        TelegramSender("", CHAT)


async def test_the_token_is_in_no_log_line_even_at_debug(start, capsys):
    root, _ = start(failures=["500", "drop", "401"])
    before = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure("json", "DEBUG")
    try:
        for _ in range(3):
            with pytest.raises((TelegramUnavailable, MessageRefused)) as raised:
                await sent(root, "hello")
            logging.getLogger("test").error("failed", exc_info=raised.value)
        await sent(root, "hello")
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    printed = capsys.readouterr().out
    assert "message sent" in printed
    assert DEFAULT_TOKEN not in printed


def test_the_stand_in_takes_form_json_and_multipart(start):
    root, messages = start(limits=False)
    url = f"{root}/bot{DEFAULT_TOKEN}/sendMessage"
    call = {"chat_id": "1", "text": "as é"}
    httpx.post(url, data=call).raise_for_status()
    httpx.post(url, json=call).raise_for_status()
    httpx.post(url, files={k: (None, v) for k, v in call.items()}).raise_for_status()
    assert [m["text"] for m in messages.received()] == ["as é"] * 3


def test_the_stand_in_refuses_as_the_bot_api_does(start):
    root, _ = start()
    url = f"{root}/bot{DEFAULT_TOKEN}"
    long = httpx.post(f"{url}/sendMessage", json={"chat_id": 1, "text": "x" * 4097})
    assert (long.status_code, long.json()["description"]) == (
        400,
        "Bad Request: message is too long",
    )
    assert httpx.get(f"{root}/bot1:other/getMe").status_code == 401
    assert httpx.get(f"{url}/nothing").status_code == 404
    assert httpx.get(f"{url}/getMe").json()["result"]["is_bot"] is True
    assert httpx.get(f"{url}/getUpdates").json() == {"ok": True, "result": []}


def test_the_stand_in_runs_as_a_program_and_stops_on_sigterm():
    process = subprocess.Popen(
        [sys.executable, "-I", PROGRAM, "--port", "0", "--fail", "500:1", "--no-limits"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        root = re.search(r"http://\S+", process.stdout.readline())[0]
        url = f"{root}/bot{DEFAULT_TOKEN}/sendMessage"
        assert httpx.post(url, json={"chat_id": 1, "text": "a"}).status_code == 500
        assert httpx.post(url, json={"chat_id": 1, "text": "b"}).status_code == 200
        (message,) = httpx.get(f"{root}/received").json()
        assert (message["chat_id"], message["text"]) == ("1", "b")
        process.terminate()
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 1000


async def pictured(root, caption, picture=PICTURE):
    sender = TelegramSender(DEFAULT_TOKEN, CHAT, root)
    try:
        await sender.send_picture(picture, caption)
    finally:
        await sender.aclose()


async def test_a_picture_arrives_with_its_caption(start):
    root, messages = start()
    await pictured(root, "2023-11-14: equity 10,000.00 USDT")
    (message,) = messages.received()
    assert message["caption"] == "2023-11-14: equity 10,000.00 USDT"
    assert messages.picture(message["message_id"]) == PICTURE


async def test_a_caption_too_long_for_a_picture_follows_as_a_message(start):
    root, messages = start()
    await pictured(root, "y" * 1025)
    picture, text = messages.received()
    assert picture["caption"] is None
    assert text["text"] == "y" * 1025


async def test_a_picture_that_is_none_never_succeeds(start):
    root, _ = start()
    with pytest.raises(MessageRefused, match=r"(?i)image_process_failed"):
        await pictured(root, "caption", b"spoilt")


@pytest.mark.parametrize("failure", ["500", "429", "drop", "garbage", "odd"])
async def test_a_picture_that_fails_may_be_sent_again(start, failure):
    root, _ = start(failures=[f"sendPhoto/{failure}"])
    with pytest.raises(TelegramUnavailable) as raised:
        await pictured(root, "caption")
    assert raised.value.unsent == "caption"


async def test_signs_of_markup_arrive_as_they_are(start):
    root, messages = start()
    text = r"_*[a](b)~`>#+-=|{}.! <b>&lt;</i> \\_ */ <script>"
    await sent(root, text)
    assert messages.received()[0]["text"] == text


@pytest.mark.parametrize(
    ("mode", "text"), [("MarkdownV2", "1.5"), ("HTML", "a < b"), ("HTML", "<script>")]
)
def test_the_stand_in_refuses_markup_that_is_not_escaped(start, mode, text):
    root, _ = start()
    call = {"chat_id": 1, "text": text, "parse_mode": mode}
    answer = httpx.post(f"{root}/bot{DEFAULT_TOKEN}/sendMessage", json=call)
    assert answer.status_code == 400
    assert "can't parse entities" in answer.json()["description"]


def test_the_stand_in_refuses_the_twenty_first_message_to_a_group_within_a_minute(start):
    root, messages = start()
    now = [0.0]
    messages._now = lambda: now[0]
    for _ in range(20):
        now[0] += 1
        messages.accept({"chat_id": "-5", "text": "x"})
    now[0] += 1
    answer = httpx.post(f"{root}/bot{DEFAULT_TOKEN}/sendMessage", json={"chat_id": -5, "text": "x"})
    assert answer.status_code == 429
    assert answer.json()["parameters"]["retry_after"] == 41
