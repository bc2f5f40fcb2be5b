"""How fast messages may go: Telegram's limits, on a clock of the test's own."""

import pytest

from tradinglab.adapters.telegram_pace import Pace


class Clock:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


async def sent(pace, clock, chat, count=1):
    for _ in range(count):
        clock.seconds += pace.pause_seconds(chat)
        async with pace.turn(chat):
            pass


async def test_a_chat_gets_one_message_a_second(clock):
    pace = Pace(clock)
    await sent(pace, clock, "42")
    assert pace.pause_seconds("42") == 1.0
    assert pace.pause_seconds("43") == 0.0


@pytest.mark.parametrize("chat", ["-100", "@channel"])
async def test_a_group_gets_twenty_messages_a_minute(clock, chat):
    pace = Pace(clock)
    await sent(pace, clock, chat, 20)
    first = 100.0
    assert clock.seconds + pace.pause_seconds(chat) == first + 60
    await sent(pace, clock, chat, 20)
    assert clock.seconds + pace.pause_seconds(chat) == first + 120


async def test_a_person_may_get_more_than_twenty_a_minute(clock):
    pace = Pace(clock)
    await sent(pace, clock, "42", 30)
    assert clock.seconds == 129.0


async def test_what_telegram_asks_to_wait_is_waited(clock):
    pace = Pace(clock)
    await sent(pace, clock, "42")
    pace.hold("42", 30)
    assert pace.pause_seconds("42") == 30
    clock.seconds += 31
    assert pace.pause_seconds("42") == 0
