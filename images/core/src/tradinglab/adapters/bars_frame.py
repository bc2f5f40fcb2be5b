"""Bars as a pandas frame, from a file in place of the exchange.

Called by the trainer and the evaluation of an artifact; the bars store builds its frames here too.
"""

from pathlib import Path

import pandas as pd

from tradinglab.adapters.bars_file import read_bars
from tradinglab.domain.market import Market
from tradinglab.features.columns import BAR_COLUMNS, FloatArray
from tradinglab.features.verification import Times


def bars_frame(times: Times, values: FloatArray) -> pd.DataFrame:
    """BAR_COLUMNS indexed by `open_time`; shares the memory of `values`, (n, 5)."""
    index = pd.Index(times, name="open_time")
    return pd.DataFrame(values, index=index, columns=list(BAR_COLUMNS), copy=False)


def read_bars_file(file: Path, market: Market) -> pd.DataFrame:
    """All bars of a CSV or CSV.GZ file, oldest first: BAR_COLUMNS, indexed by `open_time`.

    Raises DataError naming file, line and column of what is wrong; ConfigurationError when there
    is no such file.
    """
    return bars_frame(*read_bars(file, market.bar_milliseconds))
