"""References and forecasts for the tests of drift, made as the trainer makes them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradinglab.domain.reference import Reference
from tradinglab.evaluation.reference import make_reference
from tradinglab.features.normaliser import VOLUME_MEAN_BARS, stationary
from tradinglab.features.snapshot import compute_snapshots

HORIZON = 24
EVEN = np.full(4, 0.25)


def stationary_of(bars: pd.DataFrame) -> NDArray[np.float64]:
    """Complete rows only."""
    return stationary(compute_snapshots(bars).to_numpy(np.float64))[VOLUME_MEAN_BARS:]


def reference_of(rows: NDArray[np.float64], **changes: Any) -> Reference:
    values: dict[str, Any] = {
        "prior": EVEN,
        "logit": np.empty((0, 0)),
        "log_loss": 1.38,
        "ece": 0.02,
        "ece_null": 0.03,
        "class_threshold": 0.6,
        "har_coefficients": np.array([0.0, 1.0, 0.0, 0.0]),
    }
    return make_reference(rows, **(values | changes))


def random_reference(**changes: Any) -> Reference:
    """Of 60 stretches of independent normal rows."""
    return reference_of(np.random.default_rng(3).normal(size=(60 * 168, 12)), **changes)


def calibrated_forecasts(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities and outcomes drawn from them, one outcome per horizon of overlapping rows."""
    rng = np.random.default_rng(seed)
    blocks = -(-count // HORIZON)
    probabilities = np.repeat(rng.dirichlet(np.full(4, 8.0), blocks), HORIZON, axis=0)[:count]
    draws = np.repeat(rng.random(blocks), HORIZON)[:count]
    classes = (draws[:, None] > np.cumsum(probabilities, axis=1)[:, :-1]).sum(axis=1)
    return probabilities, classes.astype(np.int64)
