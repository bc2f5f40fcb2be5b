"""What an error of the exchange's client means for an order: refused, unknown or not taken."""

import ccxt
import pytest

from tradinglab.adapters.binance.client import Caller, translated
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
