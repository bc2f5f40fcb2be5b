"""A bar's prices as the public trades they stand for, one aggregate a tick.

Used by market data operations and the player. Ids follow from the bar's time.
"""

from collections.abc import Mapping
from decimal import Decimal

from tradinglab_exchange.candles import Candle, first_trade_id, path
from tradinglab_exchange.market import TICKS_PER_BAR
from tradinglab_exchange.money import written


def public_trades(candle: Candle, interval_ms: int) -> list[dict[str, object]]:
    """The bar's four prices as aggregate trades; ids follow from the bar's time."""
    first, count = first_trade_id(candle, interval_ms), candle.trades
    number = candle.open_time // interval_ms
    marks = [first + count * step // TICKS_PER_BAR for step in range(TICKS_PER_BAR + 1)]
    return [
        {
            "a": number * TICKS_PER_BAR + step,
            "p": written(price),
            "q": written(candle.volume / TICKS_PER_BAR),
            "f": marks[step],
            "l": max(marks[step], marks[step + 1] - 1),
            "T": candle.open_time + interval_ms * step // TICKS_PER_BAR,
            "m": step == 1,
            "M": True,
        }
        for step, price in enumerate(path(candle))
    ]


def single_trades(row: Mapping[str, object], low: int, high: int) -> list[dict[str, object]]:
    """The trades `low` to `high` of those an aggregate is made of, in equal parts."""
    count = number_of(row, "l") - number_of(row, "f") + 1
    price, quantity = Decimal(str(row["p"])), Decimal(str(row["q"])) / count
    return [
        {
            "id": number,
            "price": written(price),
            "qty": written(quantity),
            "quoteQty": written(price * quantity),
            "time": row["T"],
            "isBuyerMaker": row["m"],
            "isBestMatch": True,
        }
        for number in range(low, high + 1)
    ]


def number_of(trade: Mapping[str, object], name: str) -> int:
    value = trade[name]
    return value if isinstance(value, int) else 0
