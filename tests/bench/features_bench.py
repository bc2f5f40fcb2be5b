"""How fast the snapshot is computed beside `ta`, all twelve by each, on the same bars.

    python -m tests.bench.features_bench --rows 2628000

Five years of 1 min bars by default; `ta` takes about a minute for them. Seconds are of the
processor: both sides use one thread, and other work on the machine must not count.
"""

import argparse
import multiprocessing
import resource
import time

import numpy as np
import pandas as pd
from ta.momentum import RSIIndicator
from ta.trend import MACD, ADXIndicator
from ta.volatility import AverageTrueRange, BollingerBands
from ta.volume import OnBalanceVolumeIndicator
from tests.bench.results import record
from tests.market_data import synthetic_bars

from tradinglab.domain.history import RECURSION_WARM_UP_BARS
from tradinglab.features.columns import BAR_COLUMNS
from tradinglab.features.snapshot import compute_snapshots

FIVE_YEARS_OF_MINUTES = 2_628_000


def minute_bars(rows: int) -> pd.DataFrame:
    """The hourly walk at a tenth of its volatility: five years of it stay within one magnitude."""
    bars = synthetic_bars(rows)
    prices = list(BAR_COLUMNS[:-1])
    bars[prices] = 30_000 * (bars[prices] / 30_000) ** 0.1
    return bars


def by_ta(bars: pd.DataFrame) -> pd.DataFrame:
    close, bands = bars.close, BollingerBands(bars.close, 20, 2)
    return pd.DataFrame(
        {
            **{name: bars[name] for name in BAR_COLUMNS},
            "rsi": RSIIndicator(close, 14).rsi(),
            "macd": MACD(close, 26, 12, 9).macd(),
            "bb_high": bands.bollinger_hband(),
            "bb_low": bands.bollinger_lband(),
            "atr": AverageTrueRange(bars.high, bars.low, close, 14).average_true_range(),
            "obv": OnBalanceVolumeIndicator(close, bars.volume).on_balance_volume(),
            "adx": ADXIndicator(bars.high, bars.low, close, 14).adx(),
        }
    )


def timed(compute, bars: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    started = time.process_time()
    result = compute(bars)
    return result, time.process_time() - started


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_of_ours(rows: int, pipe) -> None:
    """In a process of its own: resident with the bars loaded, and the peak over the features."""
    bars = minute_bars(rows)
    loaded = peak_megabytes()
    compute_snapshots(bars)
    pipe.send((loaded, peak_megabytes()))


def worst_difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Relative, after warm-up, over the eleven that `ta` defines as we do."""
    eleven = [name for name in ours.columns if name != "obv"]
    a, b = (frame[eleven].to_numpy()[RECURSION_WARM_UP_BARS:] for frame in (ours, theirs))
    macd = eleven.index("macd")  # crosses 0: beside the price that it is a difference of
    scale = np.abs(b)
    scale[:, macd] = np.abs(b[:, eleven.index("close")])
    return float((np.abs(a - b) / scale).max())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=FIVE_YEARS_OF_MINUTES)
    rows = parser.parse_args(arguments).rows
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=memory_of_ours, args=(rows, sending), daemon=True)
    process.start()
    loaded, peak = receiving.recv()
    process.join()
    bars = minute_bars(rows)
    ours, seconds = min((timed(compute_snapshots, bars) for _ in range(3)), key=lambda r: r[1])
    theirs, ta_seconds = timed(by_ta, bars)
    difference, ratio = worst_difference(ours, theirs), ta_seconds / seconds
    print(
        f"features  {rows} bars, all twelve: {seconds:.3f} s, ta {ta_seconds:.1f} s, ratio "
        f"{ratio:.0f}; eleven differ by {difference:.1e} at most; peak {peak:.0f} MB, of which "
        f"{loaded:.0f} MB before"
    )
    whole = rows == FIVE_YEARS_OF_MINUTES  # the limits are stated for so many
    record("features.seconds", seconds, "s", "<= 1.5" if whole else None, ta_seconds, ratio)
    record("features.speedup", ratio, "x", ">= 20" if whole else None)
    record("features.difference_from_ta", difference, "relative", "<= 1e-9")
    record("features.peak_memory", peak, "MB")


if __name__ == "__main__":
    main()
