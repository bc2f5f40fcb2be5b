"""What happens to an account, as it happens. Fulfilled by the exchange adapters, used by the bot.

A hint to look, never the truth: events may be lost, doubled or late; REST is asked for what is.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class AccountEventKind(StrEnum):
    """`SUBSCRIBED` comes first on each connection: what came before it may have been missed."""

    SUBSCRIBED = "subscribed"
    EXECUTION = "execution"
    ORDER_ENDED = "order_ended"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """`trade_id` is that of an execution, `client_id` that of its order; else −1 and empty."""

    kind: AccountEventKind
    trade_id: int = -1
    client_id: str = ""


class AccountEvents(Protocol):
    def events(self) -> AsyncIterator[AccountEvent]:
        """One connection. Raises ExchangeUnavailable when it ends or fails."""
