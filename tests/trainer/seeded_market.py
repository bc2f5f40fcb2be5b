"""The seeded market as a file, whole or with its structure shuffled away, and what an oracle knows.

python -m tests.trainer.seeded_market     what can be known of it at best, seed by seed
"""

from itertools import islice
from pathlib import Path

import numpy as np

from tradinglab.features.labels import horizon_returns
from tradinglab_exchange.seeded import candles_with_regimes

BARS = 17_520
HORIZON = 24
COLUMNS = "timestamp_ms,open,high,low,close,volume"


def seeded(seed: int, bars: int = BARS) -> tuple[np.ndarray, np.ndarray]:
    """(bars, 6): time, open, high, low, close, volume; and each bar's regime, −1, 0 or 1."""
    drawn = list(islice(candles_with_regimes(seed, "1h"), bars))
    rows = [(c.open_time, c.open, c.high, c.low, c.close, c.volume) for c, _ in drawn]
    return np.array(rows), np.array([int(regime) for _, regime in drawn])


def shuffled(rows: np.ndarray, seed: int) -> np.ndarray:
    """The same bars, each relative to the one before, in another order: nothing to foresee."""
    previous = np.concatenate((rows[:1, 1], rows[:-1, 4]))[:, None]
    order = np.random.default_rng(seed).permutation(len(rows))
    shapes, volume = (rows[:, 1:5] / previous)[order], rows[order, 5]
    close = rows[0, 1] * np.cumprod(shapes[:, 3])
    prices = shapes * np.concatenate((rows[:1, 1], close[:-1]))[:, None]
    return np.column_stack((rows[:, 0], prices, volume))


def write(file: Path, rows: np.ndarray) -> Path:
    formats = ("%d", *("%.10g",) * 5)
    np.savetxt(file, rows, delimiter=",", fmt=formats, header=COLUMNS, comments="")
    return file


def oracle_gain(rows: np.ndarray, regimes: np.ndarray) -> tuple[float, float]:
    """Of one who sees each bar's regime: directional log-loss gain over the base rate, accuracy.

    Its probabilities are the frequencies of this very sample: a bound, not a forecast.
    """
    returns = horizon_returns(rows[:, 4], HORIZON)[:-HORIZON]
    rises, known = returns >= 0, regimes[:-HORIZON]
    base = rises.mean()
    prior = -np.where(rises, np.log(base), np.log(1 - base)).mean()
    chance = np.array([rises[known == regime].mean() for regime in (-1, 0, 1)])[known + 1]
    loss = -np.where(rises, np.log(chance), np.log(1 - chance)).mean()
    return float(prior - loss), float(((chance > 0.5) == rises).mean())


if __name__ == "__main__":
    for number in range(20):
        gain, accuracy = oracle_gain(*seeded(number))
        print(f"seed {number}: oracle's directional gain {gain:.4f} nats, accuracy {accuracy:.3f}")
