"""How fast the snapshot is computed beside `ta`'s own ATR and ADX, on the same bars.

python -m tests.bench.features_bench --rows 100000
"""

import argparse
import time

from ta.trend import ADXIndicator
from ta.volatility import AverageTrueRange
from tests.market_data import synthetic_bars

from tradinglab.features.snapshot import compute_snapshots


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args(arguments).rows
    bars = synthetic_bars(rows)
    started = time.perf_counter()
    compute_snapshots(bars)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    AverageTrueRange(bars.high, bars.low, bars.close).average_true_range()
    ADXIndicator(bars.high, bars.low, bars.close).adx()
    theirs = time.perf_counter() - started
    print(
        f"features  {rows} bars: all twelve {ours:.3f} s; ta's ATR and ADX alone {theirs:.3f} s; "
        f"ratio {theirs / ours:.0f}"
    )


if __name__ == "__main__":
    main()
