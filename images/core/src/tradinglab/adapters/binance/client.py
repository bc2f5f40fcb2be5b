"""A ccxt client for spot at given addresses, and the exchange's errors in our terms.

Used by the broker and the history adapter. The exchange's own endpoints are called through
ccxt's implicit methods: quantities stay the strings that were sent.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import ccxt.async_support as ccxt_async

from tradinglab.errors import (
    ConfigurationError,
    ExchangeUnavailable,
    OrderRejected,
    TradinglabError,
)
from tradinglab.ports.broker import OutcomeUnknown

TIMEOUT_SECONDS = 10
# A request not taken within it never will be; the shorter, the sooner its outcome is sure.
RECEIVE_WINDOW_MILLISECONDS = 3_000
CODE = re.compile(r'"code":\s*(-\d+)')
NOT_ACCEPTED_NOW = frozenset({-1003, -1008, -1015, -1016, -1021})
UNKNOWN_OUTCOME = frozenset({-1000, -1001, -1004, -1006, -1007})
CREDENTIALS = frozenset({-1002, -1022, -2008, -2014, -2015})
CLOCK = -1021
# Raised for answers alone, some of them without their code.
REFUSED = (ccxt.InsufficientFunds, ccxt.InvalidOrder, ccxt.MarketClosed)
BANNED_UNTIL = re.compile(r"banned until (\d{13})")
# Where a 429 or 418 does not say how long; the exchange always should.
WAIT_SECONDS = 1.0


def make_client(
    rest_url: str | None, key: str = "", secret: str = "", testnet: bool = False
) -> Any:
    """`rest_url` replaces the exchange's own address, `testnet` takes its test network's; requests
    are not throttled here: the bot makes few, and a 429 is obeyed."""
    client = ccxt_async.binance(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "timeout": TIMEOUT_SECONDS * 1_000,
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "recvWindow": RECEIVE_WINDOW_MILLISECONDS,
                "adjustForTimeDifference": True,
            },
        }
    )
    if testnet:
        client.set_sandbox_mode(True)
    if rest_url:
        base = f"{rest_url.rstrip('/')}/api/v3"
        client.urls["api"]["public"] = base
        client.urls["api"]["private"] = base
        client.urls["api"]["sapi"] = f"{rest_url.rstrip('/')}/sapi/v1"
    return client


def error_code(error: Exception) -> int | None:
    found = CODE.search(str(error))
    return int(found.group(1)) if found else None


def translated(error: ccxt.BaseError, what: str, changes: bool) -> TradinglabError:
    """`changes` says whether the request may have had an effect, were it carried out.

    Codes: Binance spot API documentation, "Error codes". The text of a foreign error may hold
    the request's address with its signature, so only its code and message go on.
    """
    code = error_code(error)
    text = f"{what}: {_message(error)}"
    # Before the limits: once a key has worked, the client takes its refusal for one of them.
    if code in CREDENTIALS or isinstance(error, ccxt.AuthenticationError):
        return ConfigurationError(f"{text}; expected a valid key and secret of the account")
    if isinstance(error, ccxt.DDoSProtection) or code in NOT_ACCEPTED_NOW:
        return ExchangeUnavailable(text)
    if isinstance(error, REFUSED):
        return OrderRejected(text)
    if code in UNKNOWN_OUTCOME or code is None:
        return OutcomeUnknown(text) if changes else ExchangeUnavailable(text)
    return OrderRejected(text)


def _message(error: ccxt.BaseError) -> str:
    found = re.search(r'\{.*"code".*\}', str(error))
    return found.group(0)[:300] if found else type(error).__name__


def _a_document(answer: Any, what: str, changes: bool) -> Any:
    """The client hands on as text what is no JSON, whatever its status: an answer cut short."""
    if isinstance(answer, dict | list):
        return answer
    text = f"{what}: the answer is no JSON, expected a document"
    raise OutcomeUnknown(text) if changes else ExchangeUnavailable(text)


class Caller:
    """Calls implicit methods of one client; after a clock error the next call is on time.

    Asked to wait (429, 418), it sends nothing until then: who goes on asking is banned for longer.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._not_before = 0.0

    async def __call__(self, method: str, params: dict[str, Any], changes: bool = False) -> Any:
        call: Callable[[dict[str, Any]], Awaitable[Any]] = getattr(self.client, method)
        try:
            return await self._sent(call, params, method, changes)
        except ccxt.BaseError as error:
            if error_code(error) != CLOCK:
                raise translated(error, method, changes) from None
        await self.synchronise()
        try:
            return await self._sent(call, params, method, changes)
        except ccxt.BaseError as error:
            raise translated(error, method, changes) from None

    async def _sent(
        self,
        call: Callable[[dict[str, Any]], Awaitable[Any]],
        params: dict[str, Any],
        method: str,
        changes: bool,
    ) -> Any:
        self._refuse_too_early(method)
        try:
            return _a_document(await call(params), method, changes)
        except ccxt.DDoSProtection as error:
            self._wait_as_told(error)
            raise

    def _refuse_too_early(self, method: str) -> None:
        left = self._not_before - time.monotonic()
        if left > 0:
            raise ExchangeUnavailable(
                f"{method}: not sent, the exchange asked to wait {left:.1f} s more"
            )

    def _wait_as_told(self, error: ccxt.DDoSProtection) -> None:
        """The headers are those of this answer: nothing else ran since it came."""
        headers = getattr(self.client, "last_response_headers", None) or {}
        told = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
        seconds = float(told) if told.isdigit() else WAIT_SECONDS
        banned = BANNED_UNTIL.search(str(error))
        if banned is not None:
            seconds = max(seconds, (int(banned.group(1)) - self.server_time()) / 1000)
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    async def synchronise(self) -> int:
        """Measures how far this machine's clock is ahead of the exchange's, in milliseconds."""
        self._refuse_too_early("time")
        try:
            return int(await self.client.load_time_difference())
        except ccxt.BaseError as error:
            if isinstance(error, ccxt.DDoSProtection):
                self._wait_as_told(error)
            raise translated(error, "time", changes=False) from None

    def server_time(self) -> int:
        """The exchange's milliseconds, as far as the last measurement tells."""
        return int(self.client.nonce())

    async def close(self) -> None:
        await self.client.close()
