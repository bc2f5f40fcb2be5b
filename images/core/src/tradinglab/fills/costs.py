"""What a fill costs: the spread, slippage, and the fee.

Called by the simulator's matching engine and its funds. Amounts and prices are exact decimals;
fees are rounded to eight places, as the exchange states them.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from tradinglab.domain.filters import ZERO, floor_to
from tradinglab.domain.order import Side

_EIGHT_PLACES = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class FeeDiscount:
    """Fees in another asset, at its price in quote currency; `rate` is what is left of them."""

    asset: str
    price: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Costs:
    """Fees as fractions of a fill; spread's half and slippage as fractions of the price.

    `discount` None: fees are paid in what a fill brings.
    """

    maker_fee: Decimal
    taker_fee: Decimal
    half_spread: Decimal
    slippage: Decimal = ZERO
    discount: FeeDiscount | None = None

    def bid(self, last: Decimal, tick: Decimal) -> Decimal:
        return floor_to(last * (1 - self.half_spread), tick)

    def ask(self, last: Decimal, tick: Decimal) -> Decimal:
        return ceil_to(last * (1 + self.half_spread), tick)

    def swept(self, side: Side, last: Decimal, tick: Decimal) -> Decimal:
        """The price of a market order, a triggered stop among them: beyond the best price."""
        if side is Side.BUY:
            return ceil_to(self.ask(last, tick) * (1 + self.slippage), tick)
        return floor_to(self.bid(last, tick) * (1 - self.slippage), tick)

    def rate(self, is_maker: bool) -> Decimal:
        return self.maker_fee if is_maker else self.taker_fee


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The least multiple of `step` not below `value`."""
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def fee(amount: Decimal, rate: Decimal) -> Decimal:
    return (amount * rate).quantize(_EIGHT_PLACES, rounding=ROUND_HALF_UP)
