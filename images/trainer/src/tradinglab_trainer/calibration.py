"""Temperature scaling: one number that makes the probabilities honest [Guo et al. 2017].

Called for every fold and the shipped model, on the calibration slice only.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tradinglab.errors import TradinglabError
from tradinglab.features.columns import FloatArray

LOG_TEMPERATURE_LIMIT = 3.0
AGREEMENT = 1e-3
# Early stopping keeps the network near the lowest log-loss, where T is near 1: 95 % in 0.6 … 1.6.
PRIOR_DEVIATION = 0.25


def negative_log_likelihood(
    logits: FloatArray, classes: NDArray[np.int64], log_temperature: float
) -> tuple[float, float, float]:
    """Mean NLL of softmax(logits / T) with its first and second derivative in log T."""
    scaled = logits / np.exp(log_temperature)
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    probabilities = exponentials / total
    chosen = np.arange(len(classes)), classes
    loss = float(np.mean(np.log(total[:, 0]) - shifted[chosen]))
    mean = (probabilities * scaled).sum(axis=1)
    variance = (probabilities * scaled**2).sum(axis=1) - mean**2
    slope = float(np.mean(scaled[chosen] - mean))
    curvature = float(np.mean(variance)) - slope
    return loss, slope, curvature


def fit_temperature(
    logits: FloatArray, classes: NDArray[np.int64], epochs: int, horizon_bars: int
) -> float:
    """T by `epochs` full-batch steps on log T: Newton where the loss is convex, else downhill.

    The loss is the mean NLL and, as one of n/H independent observations, a normal prior on log T:
    a slice of some dozen horizons, all of one mood of the market, must not decide alone.
    Raises TradinglabError when a line search finds a loss lower by more than 1e-3.
    """
    weight = horizon_bars / len(classes) / PRIOR_DEVIATION**2

    def loss(log_temperature: float) -> tuple[float, float, float]:
        found, slope, curvature = negative_log_likelihood(logits, classes, log_temperature)
        return (
            found + 0.5 * weight * log_temperature**2,
            slope + weight * log_temperature,
            curvature + weight,
        )

    log_temperature = 0.0
    for _ in range(epochs):
        _, slope, curvature = loss(log_temperature)
        step = -slope / curvature if curvature > 1e-6 else -np.sign(slope) * 0.5
        log_temperature += float(np.clip(step, -0.5, 0.5))
        log_temperature = float(
            np.clip(log_temperature, -LOG_TEMPERATURE_LIMIT, LOG_TEMPERATURE_LIMIT)
        )
    found, *_ = loss(log_temperature)
    search = minimize_scalar(
        lambda x: loss(x)[0],
        bounds=(-LOG_TEMPERATURE_LIMIT, LOG_TEMPERATURE_LIMIT),
        method="bounded",
    )
    if found > float(search.fun) + AGREEMENT:
        raise TradinglabError(
            f"temperature {np.exp(log_temperature):.4f} has loss {found:.5f}, a line search "
            f"finds {float(search.fun):.5f} at {np.exp(float(search.x)):.4f}"
        )
    return float(np.exp(log_temperature))
