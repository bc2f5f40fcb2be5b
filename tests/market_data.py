"""Bars for tests: recorded ones, read from beside the checkout, and seeded ones."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SHARED_DATA = Path(
    os.environ.get(
        "TRADINGLAB_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
    )
)
HOURLY = SHARED_DATA / "btcusdt-1h-2017-2023.csv.gz"


def real_bars(rows: int | None = None, path: Path = HOURLY) -> pd.DataFrame:
    """The last `rows` recorded bars, indexed by open time; skips the test when absent."""
    if not path.exists():
        pytest.skip(f"recorded bars are absent: {path}")
    frame = pd.read_csv(path, index_col="timestamp_ms")
    return frame if rows is None else frame.iloc[-rows:]


def synthetic_bars(rows: int, seed: int = 5) -> pd.DataFrame:
    """A driftless random walk in hourly bars."""
    rng = np.random.default_rng(seed)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 0.006, rows)))
    open_ = np.concatenate(([30_000.0], close[:-1]))
    spread = np.abs(rng.normal(0, 0.002, (2, rows)))
    return pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * (1 + spread[0]),
            "low": np.minimum(open_, close) * (1 - spread[1]),
            "close": close,
            "volume": rng.lognormal(4, 1, rows),
        },
        index=pd.Index(1_704_067_200_000 + 3_600_000 * np.arange(rows), name="open_time"),
    )
