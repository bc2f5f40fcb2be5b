"""Hard limits on what may be bought, between the engine and the exchange. Wired by the bot.

They know nothing of forecasts or policy: whatever the engine decides, more than this is not sent.
Sales, stops and cancels always pass.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.order import (
    EnterIntent,
    ExitIntent,
    Fill,
    OrderReport,
    ProtectIntent,
    StopIntent,
)
from tradinglab.errors import OrderRejected
from tradinglab.ports.broker import Account, Broker, OrderIds

Limit = Annotated[Decimal, Field(ge=0)]


class HardLimits(BaseModel):
    """In quote currency; 0 means no such limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order_quote: Limit = Decimal(0)
    day_quote: Limit = Decimal(0)
    position_quote: Limit = Decimal(0)

    @property
    def words(self) -> str:
        return (
            f"{self.order_quote} an order, {self.day_quote} a day, {self.position_quote} a position"
        )


class KillSwitch:
    """Pulled while the file exists, or while the file of the annotation has a word in it (the
    cluster keeps that file, and empties it when the annotation goes)."""

    def __init__(self, file: Path | None, annotation: Path | None) -> None:
        self._file = file
        self._annotation = annotation

    def pulled_by(self) -> str | None:
        """What cannot be looked at counts as pulled."""
        try:
            if self._file is not None and self._file.exists():
                return f"the file {self._file}"
            text = self._annotated()
        except OSError as error:
            return f"a file that cannot be read: {error.filename} ({error.strerror})"
        return None if text in ("", "false") else f"the annotation ({text[:40]})"

    def _annotated(self) -> str:
        if self._annotation is None:
            return ""
        try:
            return self._annotation.read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""


class LimitedBroker:
    """`held_quote` values what is held, `entered_today_quote` what was bought or tried today, the
    order about to be sent included."""

    def __init__(
        self,
        broker: Broker,
        limits: HardLimits,
        switch: KillSwitch,
        entered_today_quote: Callable[[], Decimal],
    ) -> None:
        self._broker = broker
        self._limits = limits
        self._switch = switch
        self._entered_today_quote = entered_today_quote
        self.held_quote: Callable[[Decimal], Decimal] = lambda _: Decimal(0)

    async def enter(self, intent: EnterIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        """Raises OrderRejected for what is beyond a limit."""
        problem = self.problem(intent)
        if problem is not None:
            raise OrderRejected(f"not sent: {problem}")
        return await self._broker.enter(intent, ids)

    def problem(self, intent: EnterIntent) -> str | None:
        """Why the entry would not be sent."""
        pulled = self._switch.pulled_by()
        if pulled is not None:
            return f"the kill switch is pulled by {pulled}"
        limits, value = self._limits, intent.quantity * intent.limit_price
        held = self.held_quote(intent.limit_price)
        checks = (
            ("order", limits.order_quote, value),
            ("position", limits.position_quote, held + value),
            ("day", limits.day_quote, self._entered_today_quote() if limits.day_quote else value),
        )
        for name, limit, found in checks:
            if limit > 0 and found > limit:
                return f"{name} of {found:.2f}, expected at most the hard limit {limit}"
        return None

    async def rules(self) -> SymbolRules:
        return await self._broker.rules()

    async def account(self) -> Account:
        return await self._broker.account()

    async def protect(self, intent: ProtectIntent, ids: OrderIds) -> tuple[OrderReport, ...]:
        return await self._broker.protect(intent, ids)

    async def stop(
        self, intent: StopIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        return await self._broker.stop(intent, ids, replaced)

    async def exit(
        self, intent: ExitIntent, ids: OrderIds, replaced: OrderReport | None = None
    ) -> tuple[OrderReport, ...]:
        return await self._broker.exit(intent, ids, replaced)

    async def cancel(self, order: OrderReport) -> None:
        await self._broker.cancel(order)

    async def find_order(self, client_id: str) -> OrderReport | None:
        return await self._broker.find_order(client_id)

    async def find_order_number(self, exchange_id: int) -> OrderReport | None:
        return await self._broker.find_order_number(exchange_id)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self._broker.open_orders()

    async def fills_after(self, trade_id: int) -> tuple[Fill, ...]:
        return await self._broker.fills_after(trade_id)

    async def value_of(self, asset: str) -> Decimal | None:
        return await self._broker.value_of(asset)

    async def newest_trade_id(self) -> int:
        return await self._broker.newest_trade_id()
