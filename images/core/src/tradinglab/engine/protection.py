"""Keeps every open position under a stop: what is missing, as intents.

Called by the bot after each bar, fill and restart; level-triggered, so it does
not matter how a position came to be unprotected.
"""

from decimal import Decimal

from tradinglab.domain.filters import ZERO, SymbolRules
from tradinglab.domain.order import (
    CancelIntent,
    CancelTarget,
    ExitIntent,
    Intent,
    ProtectIntent,
    StopIntent,
)
from tradinglab.engine.state import EngineState


def missing_protection(
    state: EngineState,
    protected_quantity: Decimal,
    entry_is_live: bool,
    price: Decimal,
    rules: SymbolRules,
    lowest_stop: Decimal | None = None,
) -> tuple[Intent, ...]:
    """Intents that bring the quantity under live stops to that of the position.

    `protected_quantity` is what live stop orders cover, `lowest_stop` the lowest of their prices,
    `price` the last known price. A stop below that of the position, which trails, is replaced. A
    remainder too small to sell counts as protected. A stop sells at the market, so it holds no
    more than one market order may. A position whose stop or take-profit price has been passed
    already is sold: the exchange would refuse an order that triggers at once, and the order that
    is missing would have sold there.
    """
    position = state.position
    if position is None:
        lift = (CancelIntent(CancelTarget.PROTECTION),) if protected_quantity > 0 else ()
        # Nobody would take it back later, and what it bought would come as a surprise.
        forgotten = entry_is_live and state.entry is None
        return (CancelIntent(CancelTarget.ENTRY), *lift) if forgotten else lift
    wanted = rules.floor_market_quantity(position.quantity)
    covered = protected_quantity <= wanted and not rules.is_sellable(
        wanted - protected_quantity, price
    )
    if covered and (lowest_stop is None or lowest_stop >= position.stop_price):
        return ()
    intents: list[Intent] = []
    if entry_is_live:
        intents.append(CancelIntent(CancelTarget.ENTRY))
    passed_profit = price >= position.take_profit_price and not position.is_trailing
    if price <= position.stop_price or passed_profit:
        return (*intents, ExitIntent(wanted, None))
    if position.is_trailing:
        return (*intents, StopIntent(wanted, position.stop_price))
    if protected_quantity > ZERO:
        intents.append(CancelIntent(CancelTarget.PROTECTION))
    return (
        *intents,
        ProtectIntent(wanted, position.stop_price, position.take_profit_price),
    )
