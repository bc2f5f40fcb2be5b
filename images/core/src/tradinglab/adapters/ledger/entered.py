"""How much was bought, or may have been, since an instant. Asked before each entry is sent."""

from decimal import Decimal
from pathlib import Path

from tradinglab.adapters.ledger.database import reading
from tradinglab.adapters.ledger.encoding import decode_intent
from tradinglab.domain.order import EnterIntent


def entered_since(path: Path, since: int) -> Decimal:
    """Quote value of the entries written since (UTC milliseconds) that the exchange accepted or
    may have: the one about to be sent is among them. Cancelled ones count too: a limit that
    errs is to err on the safe side."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT body FROM intents WHERE kind = 'enter' AND written_at >= ? "
            "AND status IN ('written', 'accepted')",
            (since,),
        ).fetchall()
    total = Decimal(0)
    for (body,) in rows:
        intent = decode_intent("enter", body)
        if isinstance(intent, EnterIntent):
            total += intent.quantity * intent.limit_price
    return total
