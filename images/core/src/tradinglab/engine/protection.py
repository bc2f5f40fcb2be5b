"""Keeps every open position under a stop: what is missing, as intents.

Called by the bot after each bar, fill and restart, and by backtests; level-triggered, so it does
not matter how a position came to be unprotected.
"""

from decimal import Decimal

from tradinglab.domain.filters import ZERO, SymbolRules
from tradinglab.domain.order import CancelIntent, CancelTarget, ExitIntent, Intent, ProtectIntent
from tradinglab.engine.state import EngineState


def missing_protection(
    state: EngineState,
    protected_quantity: Decimal,
    entry_is_live: bool,
    price: Decimal,
    rules: SymbolRules,
) -> tuple[Intent, ...]:
    """Intents that bring the quantity under live stops to that of the position.

    `protected_quantity` is what live stop orders cover, `price` the last known price. A
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
    if protected_quantity <= wanted and not rules.is_sellable(wanted - protected_quantity, price):
        return ()
    intents: list[Intent] = []
    if entry_is_live:
        intents.append(CancelIntent(CancelTarget.ENTRY))
    if protected_quantity > ZERO:
        intents.append(CancelIntent(CancelTarget.PROTECTION))
    if price <= position.stop_price or price >= position.take_profit_price:
        intents.append(ExitIntent(wanted, None))
    else:
        intents.append(ProtectIntent(wanted, position.stop_price, position.take_profit_price))
    return tuple(intents)
