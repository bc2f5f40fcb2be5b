"""Whom the account's events wake, and that a lost stream is only a slower look."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tradinglab.adapters.binance.account_stream import account_event
from tradinglab.errors import ConfigurationError, ExchangeUnavailable
from tradinglab.ports.account_events import AccountEvent, AccountEventKind
from tradinglab_bot import account_watch as module
from tradinglab_bot.account_watch import AccountWatch

SUBSCRIBED = AccountEvent(AccountEventKind.SUBSCRIBED)


def execution(trade_id: int) -> AccountEvent:
    return AccountEvent(AccountEventKind.EXECUTION, trade_id, "tl-1-s")


class MemoryStream:
    """Each connection plays one script, then breaks."""

    def __init__(self, *scripts: Sequence[AccountEvent]) -> None:
        self._scripts = list(scripts)
        self.ended = asyncio.Event()

    async def events(self) -> AsyncIterator[AccountEvent]:
        if not self._scripts:
            self.ended.set()
        else:
            for event in self._scripts.pop(0):
                yield event
        raise ExchangeUnavailable("the script of this connection ended")


async def looks_after(
    monkeypatch: pytest.MonkeyPatch, *scripts: Sequence[AccountEvent]
) -> tuple[int, AccountWatch]:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    looked: list[None] = []
    stream = MemoryStream(*scripts)
    watch = AccountWatch(stream, lambda trade: trade <= 5, lambda: looked.append(None))
    running = asyncio.ensure_future(watch.run())
    await asyncio.wait_for(stream.ended.wait(), 5)
    running.cancel()
    return len(looked), watch


async def test_an_execution_that_is_not_in_the_books_has_them_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, _ = await looks_after(monkeypatch, [SUBSCRIBED, execution(6)])
    assert looks == 2  # once for what was missed before the subscription


async def test_an_execution_that_the_answer_to_the_order_told_already_wakes_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, _ = await looks_after(monkeypatch, [SUBSCRIBED, execution(5)])
    assert looks == 1


async def test_each_new_connection_has_the_books_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, watch = await looks_after(monkeypatch, [SUBSCRIBED], [SUBSCRIBED])
    assert looks == 2
    assert watch.reconnects >= 2


async def test_a_key_that_may_not_listen_leaves_the_bot_to_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)

    class Refusing:
        tries = 0

        async def events(self) -> AsyncIterator[AccountEvent]:
            self.tries += 1
            if self.tries:
                raise ConfigurationError("-2015 not allowed")
            yield SUBSCRIBED

    stream = Refusing()
    watch = AccountWatch(stream, lambda _: False, lambda: None)
    running = asyncio.ensure_future(watch.run())
    await asyncio.sleep(0.05)
    assert not running.done()
    assert stream.tries >= 2
    running.cancel()


def test_only_events_of_the_symbol_that_change_something_count() -> None:
    report = {"e": "executionReport", "s": "BTCUSDT", "x": "TRADE", "t": 7, "c": "tl-1-e", "C": ""}
    assert account_event(report, "BTCUSDT") == AccountEvent(AccountEventKind.EXECUTION, 7, "tl-1-e")
    assert account_event(report, "ETHUSDT") is None
    assert account_event({**report, "x": "NEW"}, "BTCUSDT") is None
    cancelled = {**report, "x": "CANCELED", "c": "of the cancel", "C": "tl-1-e"}
    assert account_event(cancelled, "BTCUSDT") == AccountEvent(
        AccountEventKind.ORDER_ENDED, -1, "tl-1-e"
    )
    assert account_event({"e": "balanceUpdate", "a": "BNB"}, "BTCUSDT") is not None
    assert account_event({"e": "outboundAccountPosition"}, "BTCUSDT") is None
