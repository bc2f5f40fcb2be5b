"""What an error of the exchange's client means for an order: refused, unknown or not taken."""

import ccxt
import pytest

from tradinglab.adapters.binance.client import translated
from tradinglab.errors import ExchangeUnavailable, OrderRejected, TradinglabError
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
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_an_error_tells_whether_the_order_may_have_been_accepted(
    error: ccxt.BaseError, meaning: type[TradinglabError]
) -> None:
    assert type(translated(error, "order", changes=True)) is meaning
