"""Bars as the exchange keeps and shows them: klines of REST and of the streams.

Quote volume, number of trades and taker volume are derived from price and volume, for recorded
bars do not carry them. Used by the market, the klines operation and the streams.
"""

from typing import NamedTuple

from tradinglab.fills.crossing import path as fills_path
from tradinglab_exchange.money import written

INTERVAL_MS = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": 604_800_000,
    "1M": 2_592_000_000,
}
TRADES_PER_BAR_ID_SPACE = 1_000_000
_TRADES_PER_BASE_UNIT = 25.0


class Candle(NamedTuple):
    """Prices in quote currency, volume in base currency, `open_time` in UTC milliseconds."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def quote_volume(self) -> float:
        """Volume at the bar's mean of open, high, low and close."""
        return self.volume * (self.open + self.high + self.low + self.close) / 4.0

    @property
    def taker_buy_fraction(self) -> float:
        """0.35 when the bar closes at its low, 0.65 at its high: buyers pay up in rising bars."""
        span = self.high - self.low
        place = (self.close - self.low) / span if span > 0 else 0.5
        return 0.35 + 0.3 * place

    @property
    def trades(self) -> int:
        counted = int(self.volume * _TRADES_PER_BASE_UNIT) + (1 if self.volume > 0 else 0)
        return min(counted, TRADES_PER_BAR_ID_SPACE)


def path(candle: Candle) -> tuple[float, ...]:
    """The order in which the bar's prices are traded."""
    return fills_path(candle.open, candle.high, candle.low, candle.close)


def first_trade_id(candle: Candle, interval_ms: int) -> int:
    return (candle.open_time // interval_ms) * TRADES_PER_BAR_ID_SPACE


def kline_row(candle: Candle, interval_ms: int) -> list[object]:
    """One row of `GET /api/v3/klines`."""
    taker = candle.taker_buy_fraction
    return [
        candle.open_time,
        written(candle.open),
        written(candle.high),
        written(candle.low),
        written(candle.close),
        written(candle.volume),
        candle.open_time + interval_ms - 1,
        written(candle.quote_volume),
        candle.trades,
        written(candle.volume * taker),
        written(candle.quote_volume * taker),
        "0",
    ]


def kline_event(
    candle: Candle, symbol: str, interval: str, event_time: int, closed: bool
) -> dict[str, object]:
    """The payload of `<symbol>@kline_<interval>`; `x` is true once, when the bar is final."""
    interval_ms = INTERVAL_MS[interval]
    first, trades, taker = (
        first_trade_id(candle, interval_ms),
        candle.trades,
        candle.taker_buy_fraction,
    )
    return {
        "e": "kline",
        "E": event_time,
        "s": symbol,
        "k": {
            "t": candle.open_time,
            "T": candle.open_time + interval_ms - 1,
            "s": symbol,
            "i": interval,
            "f": first if trades else -1,
            "L": first + trades - 1 if trades else -1,
            "o": written(candle.open),
            "c": written(candle.close),
            "h": written(candle.high),
            "l": written(candle.low),
            "v": written(candle.volume),
            "n": trades,
            "x": closed,
            "q": written(candle.quote_volume),
            "V": written(candle.volume * taker),
            "Q": written(candle.quote_volume * taker),
            "B": "0",
        },
    }
