"""The engine's memory between bars, and how fills change it.

Kept in the ledger as JSON by the bot. Every change returns a new state.
"""

from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tradinglab.domain.filters import ZERO, SymbolRules
from tradinglab.domain.order import Fill, Leg, Origin, Side
from tradinglab.engine.indicators import Indicators


class TradingMode(StrEnum):
    """`REDUCING` sells and opens nothing; `HALTED` waits for a person."""

    NORMAL = "normal"
    REDUCING = "reducing"
    HALTED = "halted"


class StateModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestingEntry(StateModel):
    """An entry that was intended at the close of the bar at `bar_open_time`."""

    bar_open_time: int
    quantity: Decimal
    limit_price: Decimal
    stop_price: Decimal
    take_profit_price: Decimal


class Position(StateModel):
    """`quantity` is net of fees paid in the base asset; `cost_quote` includes fees in quote.

    `sold_quote` is what parts already sold brought, net of fees. Once `is_trailing`, the stop has
    left its first price and the take-profit no longer counts.
    """

    opened_bar: int
    quantity: Decimal
    bought_quantity: Decimal
    cost_quote: Decimal
    sold_quantity: Decimal = ZERO
    sold_quote: Decimal = ZERO
    stop_price: Decimal
    take_profit_price: Decimal
    best_close: float
    is_trailing: bool = False

    @property
    def levels(self) -> str:
        if self.is_trailing:
            return f"trailing stop {self.stop_price}"
        return f"stop {self.stop_price}, take-profit {self.take_profit_price}"

    @property
    def entry_price(self) -> Decimal:
        return self.cost_quote / self.bought_quantity


class ClosedTrade(StateModel):
    """A round trip. `profit` values what was too small to sell at the last sale's price."""

    opened_bar: int
    closed_time: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    cost_quote: Decimal
    proceeds_quote: Decimal
    profit: Decimal
    exit_leg: Leg


class EngineState(StateModel):
    """`quote` and `base` are totals, resting orders included; `base` holds position and dust."""

    quote: Decimal
    dust: Decimal = ZERO
    position: Position | None = None
    entry: RestingEntry | None = None
    indicators: Indicators = Indicators()
    peak_equity: float = 0.0
    closed_trades: int = 0
    consecutive_losses: int = 0
    cooldown_until: int = 0
    stop_times: tuple[int, ...] = ()
    mode: TradingMode = TradingMode.NORMAL
    entries_paused: bool = False
    last_volatility: float = 0.0
    unsettled: tuple[ClosedTrade, ...] = ()

    @property
    def base(self) -> Decimal:
        return self.dust + (self.position.quantity if self.position else ZERO)

    def equity(self, price: Decimal) -> Decimal:
        return self.quote + self.base * price

    def without_entry(self) -> "EngineState":
        """The entry was cancelled, expired, rejected or never accepted."""
        return self.model_copy(update={"entry": None})

    def entry_ended(self, rules: SymbolRules) -> "EngineState":
        """No more will be bought. What was is a position only if its stop can sell it: too small
        a part would be held, and would keep every other entry away, for ever."""
        position = self.position
        if (
            position is None
            or position.sold_quantity > 0
            or rules.is_sellable(position.quantity, position.stop_price)
        ):
            return self.without_entry()
        return self.model_copy(
            update={"entry": None, "position": None, "dust": self.dust + position.quantity}
        )

    def with_quote(self, quote: Decimal) -> "EngineState":
        """Money came or went outside of our orders: the peak moves by the same amount."""
        moved = float(quote - self.quote)
        return self.model_copy(
            update={"quote": quote, "peak_equity": max(self.peak_equity + moved, 0.0)}
        )

    def with_base(self, held: Decimal, rules: SymbolRules) -> "EngineState":
        """Coins went outside of our orders and are given up: dust first, then of the position.

        They leave at the position's entry price, so that they are no loss of trading; the peak
        moves by what they were worth at the last close.
        """
        lost = self.base - held
        peak = max(self.peak_equity - float(lost) * self.indicators.last_close, 0.0)
        state = self.model_copy(update={"dust": held, "position": None, "peak_equity": peak})
        position = self.position
        if position is None:
            return state
        quantity = min(position.quantity, held)
        if not rules.is_sellable(quantity, position.stop_price):
            return state
        bought = position.bought_quantity - (position.quantity - quantity)
        shrunk = position.model_copy(
            update={
                "quantity": quantity,
                "bought_quantity": bought,
                "cost_quote": position.entry_price * bought,
            }
        )
        return state.model_copy(update={"dust": held - quantity, "position": shrunk})

    def resumed(self, equity: float) -> "EngineState":
        """A person ends a halt; drawdown counts from here."""
        return self.model_copy(update={"mode": TradingMode.NORMAL, "peak_equity": equity})

    def with_entries(self, *, paused: bool) -> "EngineState":
        """A person pauses entries or lets them go on; a position is looked after either way."""
        return self.model_copy(update={"entries_paused": paused})

    def halted(self) -> "EngineState":
        """A person ends all trading; what rests at the exchange stays there."""
        return self.model_copy(update={"mode": TradingMode.HALTED})


def apply_fill(
    state: EngineState, fill: Fill, origin: Origin, rules: SymbolRules, other_fee: Decimal = ZERO
) -> tuple[EngineState, ClosedTrade | None]:
    """The state after one execution of our own order, and the trade it closed, if it did.

    `other_fee` values in quote a fee that was paid in a third asset: it makes the trade dearer and
    leaves the balances of base and quote alone.

    The levels of a new position come from the order that was filled, not from what rests now:
    an entry that fills while it is being replaced keeps its own stop.
    """
    in_base = fill.commission if fill.commission_asset == rules.base else ZERO
    in_quote = fill.commission if fill.commission_asset == rules.quote else ZERO
    if fill.side is Side.BUY:
        return _bought(state, fill, origin, in_base, in_quote, other_fee), None
    return _sold(state, fill, origin.leg, in_base, in_quote, other_fee, rules)


def _bought(
    state: EngineState,
    fill: Fill,
    origin: Origin,
    in_base: Decimal,
    in_quote: Decimal,
    other_fee: Decimal,
) -> EngineState:
    paid = fill.quote_quantity + in_quote
    cost = paid + other_fee
    received = fill.quantity - in_base
    held = state.position
    if held is not None:
        position = held.model_copy(
            update={
                "quantity": held.quantity + received,
                "bought_quantity": held.bought_quantity + fill.quantity,
                "cost_quote": held.cost_quote + cost,
            }
        )
    elif origin.stop_price is not None and origin.take_profit_price is not None:
        position = Position(
            opened_bar=origin.bar_open_time,
            quantity=received,
            bought_quantity=fill.quantity,
            cost_quote=cost,
            stop_price=origin.stop_price,
            take_profit_price=origin.take_profit_price,
            best_close=float(fill.price),
        )
    else:
        return state.model_copy(update={"quote": state.quote - paid, "dust": state.dust + received})
    return state.model_copy(update={"quote": state.quote - paid, "position": position})


def _sold(
    state: EngineState,
    fill: Fill,
    leg: Leg,
    in_base: Decimal,
    in_quote: Decimal,
    other_fee: Decimal,
    rules: SymbolRules,
) -> tuple[EngineState, ClosedTrade | None]:
    quote = state.quote + fill.quote_quantity - in_quote
    proceeds = fill.quote_quantity - in_quote - other_fee
    held = state.position
    if held is None:
        return (
            state.model_copy(update={"quote": quote, "dust": state.dust - fill.quantity - in_base}),
            None,
        )
    position = held.model_copy(
        update={
            "quantity": held.quantity - fill.quantity - in_base,
            "sold_quantity": held.sold_quantity + fill.quantity,
            "sold_quote": held.sold_quote + proceeds,
        }
    )
    if rules.is_sellable(position.quantity, fill.price):
        return state.model_copy(update={"quote": quote, "position": position}), None
    trade = ClosedTrade(
        opened_bar=position.opened_bar,
        closed_time=fill.time,
        quantity=position.sold_quantity,
        entry_price=position.entry_price,
        exit_price=position.sold_quote / position.sold_quantity,
        cost_quote=position.cost_quote,
        proceeds_quote=position.sold_quote,
        profit=position.sold_quote - position.cost_quote + position.quantity * fill.price,
        exit_leg=leg,
    )
    closed = state.model_copy(
        update={
            "quote": quote,
            "dust": state.dust + position.quantity,
            "position": None,
            "unsettled": (*state.unsettled, trade),
        }
    )
    return closed, trade
