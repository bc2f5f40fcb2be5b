"""What an error of the exchange's client means for an order: refused, unknown or not taken."""

import time

import ccxt
import pytest

from tradinglab.adapters.binance.client import Caller, translated
from tradinglab.errors import (
    ConfigurationError,
    ExchangeUnavailable,
    OrderRejected,
    TradinglabError,
)
from tradinglab.ports.broker import OutcomeUnknown


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        # The client drops the code where it knows the words.
        (
            ccxt.InsufficientFunds(
                "binance Account has insufficient balance for requested action."
            ),
            OrderRejected,
        ),
        (
            ccxt.OrderImmediatelyFillable("binance Stop price would trigger immediately."),
            OrderRejected,
        ),
        (ccxt.InvalidOrder('binance {"code":-1013,"msg":"Invalid quantity."}'), OrderRejected),
        (ccxt.ExchangeError('binance {"code":-1006,"msg":"Unexpected response"}'), OutcomeUnknown),
        (ccxt.RequestTimeout("binance POST order"), OutcomeUnknown),
        (ccxt.ExchangeNotAvailable("binance 503"), OutcomeUnknown),
        (ccxt.DDoSProtection("binance 429 Too Many Requests"), ExchangeUnavailable),
        (ccxt.MarketClosed("binance Market is closed."), OrderRejected),
        (
            ccxt.DDoSProtection(
                'binance {"code":-2015,"msg":"Invalid API-key, IP, or permissions"}'
            ),
            ConfigurationError,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_an_error_tells_whether_the_order_may_have_been_accepted(
    error: ccxt.BaseError, meaning: type[TradinglabError]
) -> None:
    assert type(translated(error, "order", changes=True)) is meaning


@pytest.mark.parametrize(
    ("changes", "kind"), [(True, OutcomeUnknown), (False, ExchangeUnavailable)]
)
async def test_an_answer_that_is_no_document_leaves_the_outcome_open(
    changes: bool, kind: type[Exception]
) -> None:
    class Client:
        async def privatePostOrder(self, params: dict[str, object]) -> str:  # noqa: N802
            return '{"orderId": 1, "sym'

    with pytest.raises(kind, match="no JSON"):
        await Caller(Client())("privatePostOrder", {}, changes=changes)


class Refusing:
    """A client whose exchange answers each request with 418 or 429; `sent` counts them."""

    def __init__(self, text: str, headers: dict[str, str]) -> None:
        self.text, self.last_response_headers = text, headers
        self.sent = 0

    async def privateGetAccount(self, params: dict[str, object]) -> None:  # noqa: N802
        self.sent += 1
        raise ccxt.DDoSProtection(self.text)

    async def load_time_difference(self) -> None:
        await self.privateGetAccount({})

    def nonce(self) -> int:
        return time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("binance 429 Too Many Requests", {"Retry-After": "30"}),
        ("binance 418 IP banned until {until}.", {}),
        ("binance 418 IP banned until {until}.", {"retry-after": "1"}),
    ],
)
async def test_nothing_is_sent_before_the_time_that_the_exchange_named(
    text: str, headers: dict[str, str]
) -> None:
    client = Refusing(text.format(until=(int(time.time()) + 30) * 1000), headers)
    caller = Caller(client)
    with pytest.raises(ExchangeUnavailable, match="DDoS"):
        await caller("privateGetAccount", {})
    for _ in range(3):
        with pytest.raises(ExchangeUnavailable, match=r"not sent.*[23]\d\.\d s more") as refused:
            await caller("privateGetAccount", {}, changes=True)
        assert type(refused.value) is ExchangeUnavailable  # surely not accepted
        with pytest.raises(ExchangeUnavailable, match="not sent"):
            await caller.synchronise()
    assert client.sent == 1
