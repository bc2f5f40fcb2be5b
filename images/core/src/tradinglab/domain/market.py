"""A market: what is traded, where, in bars of which length. Used everywhere."""

import re
from dataclasses import dataclass

from tradinglab.errors import ConfigurationError

MILLISECONDS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
HISTORY_PATTERN = r"^[1-9][0-9]*(d|w|y)$"
SYMBOL_PATTERN = r"^[A-Z0-9]{2,12}/[A-Z0-9]{2,12}$"
DAYS = {"d": 1, "w": 7, "y": 365}


def timeframe_milliseconds(timeframe: str) -> int:
    """The length of one bar.

    Raises ConfigurationError for a timeframe that the exchange does not offer.
    """
    if timeframe not in TIMEFRAMES:
        raise ConfigurationError(f"timeframe {timeframe!r} is not one of {', '.join(TIMEFRAMES)}")
    return int(timeframe[:-1]) * MILLISECONDS[timeframe[-1]]


def history_milliseconds(history: str) -> int:
    """`5y`, `8w`, `300d` in milliseconds; a year counts 365 days."""
    if not re.match(HISTORY_PATTERN, history):
        raise ConfigurationError(
            f"history {history!r} is not a number of days, weeks or years like 5y"
        )
    return int(history[:-1]) * DAYS[history[-1]] * MILLISECONDS["d"]


@dataclass(frozen=True, slots=True)
class Market:
    """`symbol` as ccxt writes it (BASE/QUOTE), `timeframe` as the exchange names it."""

    exchange: str
    symbol: str
    timeframe: str

    @property
    def bar_milliseconds(self) -> int:
        return timeframe_milliseconds(self.timeframe)

    @property
    def base(self) -> str:
        return self.symbol.split("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.split("/")[1]

    @property
    def exchange_symbol(self) -> str:
        """The symbol as the exchange's own protocol writes it: BTCUSDT."""
        return self.symbol.replace("/", "")
