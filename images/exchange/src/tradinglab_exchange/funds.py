"""Moves the account's money for orders: locked, exchanged by a fill, released at the end.

Called by the matching engine, which decides when and at what price.
"""

from dataclasses import dataclass
from decimal import Decimal

from tradinglab.domain.order import Side
from tradinglab.fills.costs import Costs, fee
from tradinglab_exchange.account import Account
from tradinglab_exchange.errors import insufficient_balance
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.orders import Order


@dataclass(frozen=True, slots=True)
class Settled:
    """What one fill moved."""

    quote: Decimal
    commission: Decimal
    commission_asset: str


class Funds:
    """One pair's orders on one account."""

    def __init__(self, account: Account, instrument: Instrument, costs: Costs) -> None:
        self._account, self._instrument, self._costs = account, instrument, costs

    def need(self, order: Order, last: Decimal) -> Decimal:
        """What the order may spend; one at the market by the price it would get now."""
        if order.side is Side.SELL:
            return order.quantity
        if order.type.has_limit:
            return order.price * order.quantity
        if order.type.has_stop:
            return order.stop_price * order.quantity
        return self._costs.swept(order.side, last, self._instrument.tick_size) * order.quantity

    def lock(self, orders: list[Order], last: Decimal) -> None:
        """Locks the largest need among alternatives, on the order that has it."""
        needs = [(self.need(order, last), index) for index, order in enumerate(orders)]
        need, index = max(needs, key=lambda pair: pair[0])
        if need <= ZERO:
            raise insufficient_balance()
        self._account.lock(self._spent_asset(orders[index]), need)
        orders[index].locked = need

    def release(self, order: Order) -> None:
        if order.locked:
            self._account.release(self._spent_asset(order), order.locked)
            order.locked = ZERO

    def settle(self, order: Order, price: Decimal, quantity: Decimal, is_maker: bool) -> Settled:
        """Exchanges the assets of one fill.

        Raises the exchange's -2010, with nothing changed, when a buy that locked at its stop
        price cannot be paid at the price above it.
        """
        quote = price * quantity
        buying = order.side is Side.BUY
        shortage = quote - order.locked
        if buying and shortage > ZERO:
            self._account.lock(self._instrument.quote, shortage)
            order.locked += shortage
        spent, received = (quote, quantity) if buying else (quantity, quote)
        received_asset = self._instrument.base if buying else self._instrument.quote
        self._account.spend_locked(self._spent_asset(order), spent)
        self._account.receive(received_asset, received)
        charged, asset = self._commission(received, quote, received_asset, is_maker)
        self._account.spend_free(asset, charged)
        order.locked -= spent
        return Settled(quote, charged, asset)

    def _commission(
        self, received: Decimal, quote: Decimal, asset: str, is_maker: bool
    ) -> tuple[Decimal, str]:
        """Taken from what is received, or from the discount's asset if enough of it is free."""
        rate, discount = self._costs.rate(is_maker), self._costs.discount
        if discount is not None:
            charged = fee(quote * discount.rate / discount.price, rate)
            if self._account.balance(discount.asset).free >= charged:
                return charged, discount.asset
        return fee(received, rate), asset

    def _spent_asset(self, order: Order) -> str:
        return self._instrument.quote if order.side is Side.BUY else self._instrument.base
