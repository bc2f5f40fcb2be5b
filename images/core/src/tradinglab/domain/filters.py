"""The exchange's rules for one symbol's orders: floors quantities and prices, names violations.

Read from exchangeInfo by the broker adapter, applied by the engine before it intends an order.
Source: Binance spot API documentation, "Filters".
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from tradinglab.domain.order import Side

ZERO = Decimal(0)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The greatest multiple of `step` not above `value`; `value` itself when step is 0."""
    if step <= 0:
        return value
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


@dataclass(frozen=True, slots=True)
class QuantityRange:
    """LOT_SIZE or MARKET_LOT_SIZE; a maximum or step of 0 means there is none."""

    minimum: Decimal
    maximum: Decimal
    step: Decimal

    def floor(self, quantity: Decimal) -> Decimal:
        """Floors to the step and to the maximum; below the minimum nothing is left."""
        if self.maximum > 0:
            quantity = min(quantity, self.maximum)
        floored = floor_to(quantity, self.step)
        return floored if floored >= self.minimum and floored > 0 else ZERO


@dataclass(frozen=True, slots=True)
class PriceBand:
    """PERCENT_PRICE_BY_SIDE: multiples of the average price an order's price must lie in."""

    bid_down: Decimal
    bid_up: Decimal
    ask_down: Decimal
    ask_up: Decimal


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """All filters of one symbol that concern our orders, and the assets it is made of."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    minimum_price: Decimal
    maximum_price: Decimal
    lot: QuantityRange
    market_lot: QuantityRange | None
    minimum_notional: Decimal
    maximum_notional: Decimal | None
    band: PriceBand | None
    trading: bool

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """What an order of any type may trade of `quantity`."""
        return self.lot.floor(quantity)

    def floor_market_quantity(self, quantity: Decimal) -> Decimal:
        """What an order at the market may trade of it, stops once triggered among them.

        The market's maximum need not be a multiple of the lot's step.
        """
        if self.market_lot is None:
            return self.lot.floor(quantity)
        floored = self.lot.floor(self.market_lot.floor(quantity))
        return floored if floored >= self.market_lot.minimum else ZERO

    def floor_price(self, price: Decimal) -> Decimal:
        return floor_to(price, self.tick)

    def is_sellable(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether a position of this size can be sold at all, by its stop; else it is dust."""
        floored = self.floor_market_quantity(quantity)
        return floored > 0 and floored * price >= self.minimum_notional

    def violation(
        self, side: Side, quantity: Decimal, price: Decimal, average_price: Decimal
    ) -> str | None:
        """The first filter that the order would fail, with the value found and expected."""
        if not self.trading:
            return f"{self.symbol} is not trading"
        if quantity <= 0 or quantity < self.lot.minimum:
            return f"LOT_SIZE: quantity {quantity}, expected at least {self.lot.minimum}"
        if self.lot.maximum > 0 and quantity > self.lot.maximum:
            return f"LOT_SIZE: quantity {quantity}, expected at most {self.lot.maximum}"
        if floor_to(quantity, self.lot.step) != quantity:
            return f"LOT_SIZE: quantity {quantity}, expected a multiple of {self.lot.step}"
        if price <= 0 or price < self.minimum_price:
            return f"PRICE_FILTER: price {price}, expected at least {self.minimum_price}"
        if self.maximum_price > 0 and price > self.maximum_price:
            return f"PRICE_FILTER: price {price}, expected at most {self.maximum_price}"
        if floor_to(price, self.tick) != price:
            return f"PRICE_FILTER: price {price}, expected a multiple of {self.tick}"
        notional = price * quantity
        if notional < self.minimum_notional:
            return f"NOTIONAL: {notional} {self.quote}, expected at least {self.minimum_notional}"
        if self.maximum_notional is not None and notional > self.maximum_notional:
            return f"NOTIONAL: {notional} {self.quote}, expected at most {self.maximum_notional}"
        return self._band_violation(side, price, average_price)

    def _band_violation(self, side: Side, price: Decimal, average: Decimal) -> str | None:
        if self.band is None:
            return None
        down, up = (
            (self.band.bid_down, self.band.bid_up)
            if side is Side.BUY
            else (self.band.ask_down, self.band.ask_up)
        )
        if average * down <= price <= average * up:
            return None
        return (
            f"PERCENT_PRICE_BY_SIDE: price {price}, "
            f"expected within {average * down} and {average * up}"
        )
