"""Executions and balances by the WebSocket API's user data stream. Used by the bot.

Source: Binance spot WebSocket API documentation, "User Data Stream requests"
(`userDataStream.subscribe.signature`) and "User Data Stream Events".
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection

from tradinglab.adapters.binance.sockets import connected
from tradinglab.domain.market import Market
from tradinglab.errors import ConfigurationError, ExchangeUnavailable
from tradinglab.ports.account_events import AccountEvent, AccountEventKind

SUBSCRIBE = "userDataStream.subscribe.signature"
ANSWER_SECONDS = 10
RECEIVE_WINDOW_MILLISECONDS = 5_000
# Bad key or signature, no permission: no later try will do better.
CREDENTIALS = frozenset({-1022, -2014, -2015})
ENDED = frozenset({"CANCELED", "REJECTED", "EXPIRED", "TRADE_PREVENTION"})


def account_event(document: Mapping[str, Any], symbol: str) -> AccountEvent | None:
    """None for what changes neither the fills, nor the orders of `symbol`, nor a balance."""
    kind = document.get("e")
    if kind == "balanceUpdate":
        return AccountEvent(AccountEventKind.BALANCE)
    if kind != "executionReport" or document.get("s") != symbol:
        return None
    if document["x"] == "TRADE":
        return AccountEvent(AccountEventKind.EXECUTION, int(document["t"]), str(document["c"]))
    if document["x"] in ENDED:
        # After a cancel the order's own id is in C, that of the cancel request in c.
        return AccountEvent(AccountEventKind.ORDER_ENDED, -1, str(document["C"] or document["c"]))
    return None


class BinanceAccountStream:
    """`server_time` gives the exchange's milliseconds: signatures are refused when they are off."""

    def __init__(
        self,
        market: Market,
        url: str,
        key: SecretStr,
        secret: SecretStr,
        server_time: Callable[[], int],
    ) -> None:
        self._symbol = market.exchange_symbol
        self._url = url
        self._key = key
        self._secret = secret
        self._server_time = server_time

    async def events(self) -> AsyncIterator[AccountEvent]:
        try:
            async with connected(self._url) as socket:
                await self._subscribe(socket)
                yield AccountEvent(AccountEventKind.SUBSCRIBED)
                async for text in socket:
                    event = account_event(json.loads(text).get("event") or {}, self._symbol)
                    if event is not None:
                        yield event
            raise ExchangeUnavailable(f"{self._url}: the exchange ended the stream")
        except TimeoutError:
            raise ExchangeUnavailable(f"{self._url}: no answer in {ANSWER_SECONDS} s") from None

    async def _subscribe(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"id": 1, "method": SUBSCRIBE, "params": self._signed()}))
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = json.loads(await socket.recv())
        if answer.get("status") == 200:
            return
        refusal = answer.get("error") or {}
        text = f"{SUBSCRIBE}: {refusal.get('code')} {refusal.get('msg')}"
        if refusal.get("code") in CREDENTIALS:
            raise ConfigurationError(f"{text}; expected a valid key and secret of the account")
        raise ExchangeUnavailable(text)

    def _signed(self) -> dict[str, Any]:
        """Parameters in alphabetical order are what is signed."""
        params: dict[str, Any] = {
            "apiKey": self._key.get_secret_value(),
            "recvWindow": RECEIVE_WINDOW_MILLISECONDS,
            "timestamp": self._server_time(),
        }
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        secret = self._secret.get_secret_value().encode()
        params["signature"] = hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()
        return params
