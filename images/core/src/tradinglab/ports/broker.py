"""An account at an exchange. Fulfilled by the exchange adapters, used by the bot.

Every method raises ExchangeUnavailable when the exchange did not answer or asked to come later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.order import (
    Balance,
    EnterIntent,
    ExitIntent,
    Fill,
    OrderReport,
    ProtectIntent,
    StopIntent,
)
from tradinglab.errors import ExchangeUnavailable


class OutcomeUnknown(ExchangeUnavailable):
    """A request that changes something was sent and its answer never came: ask by id."""


@dataclass(frozen=True, slots=True)
class Account:
    """Balances by asset, and the fee that this account pays for taking, as a fraction. `uid` is
    the exchange's number of the account, empty where it tells none."""

    balances: Mapping[str, Balance]
    taker_fee: float
    uid: str = ""

    def total(self, asset: str) -> Decimal:
        balance = self.balances.get(asset)
        return Decimal(0) if balance is None else balance.total


@dataclass(frozen=True, slots=True)
class OrderIds:
    """The client ids of the orders of one intent; a single order has no list."""

    order: str = ""
    take_profit: str = ""
    stop: str = ""
    order_list: str = ""


class Broker(Protocol):
    """One symbol of one account. The senders raise OrderRejected when the exchange refused,
    OutcomeUnknown when nobody knows; a plain ExchangeUnavailable means: surely not accepted."""

    async def rules(self) -> SymbolRules: ...

    async def account(self) -> Account: ...

    async def enter(self, intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]: ...

    async def protect(self, intent: ProtectIntent, ids: OrderIds) -> tuple[OrderReport, ...]: ...

    async def stop(
        self, intent: StopIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        """As `exit`; the order's id is `ids.order`."""

    async def exit(
        self, intent: ExitIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        """With `replaced`, that order and its list are taken back in the same request: it is
        either carried out, or never arrived and changed nothing. OrderRejected may mean that the
        old order ended and no new one came."""

    async def cancel(self, order: OrderReport) -> None:
        """Cancels the order and, if it has one, its whole list; one already ended is fine."""

    async def find_order(self, client_id: str) -> OrderReport | None:
        """None when the exchange does not know the id (now: it may still be under way)."""

    async def find_order_number(self, exchange_id: int) -> OrderReport | None:
        """As `find_order`, by the exchange's own number."""

    async def open_orders(self) -> tuple[OrderReport, ...]: ...

    async def fills_after(self, trade_id: int) -> tuple[Fill, ...]:
        """All executions of the account in this symbol with a greater id, oldest first."""

    async def value_of(self, asset: str) -> Decimal | None:
        """The price of one unit of another asset in the quote currency; None when the exchange has
        no such market."""

    async def newest_trade_id(self) -> int:
        """−1 when the account never traded this symbol."""
