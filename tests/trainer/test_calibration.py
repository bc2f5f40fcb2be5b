"""Temperature scaling finds the temperature that was put in, and changes no decision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from tradinglab_trainer.calibration import fit_temperature, negative_log_likelihood


def sample(temperature, seed=0, rows=4000):
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 1.2, (rows, 4))
    probabilities = softmax(honest, axis=1)
    classes = (rng.random((rows, 1)) > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return honest * temperature, classes


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
@pytest.mark.parametrize("epochs", [10, 20])
def test_the_temperature_put_in_is_found(temperature, epochs):
    logits, classes = sample(temperature)
    assert fit_temperature(logits, classes, epochs, 1) == pytest.approx(temperature, rel=0.1)


def test_logits_without_information_get_a_high_temperature():
    logits, classes = sample(1.0)
    shuffled = np.random.default_rng(1).permutation(classes)
    assert fit_temperature(logits, shuffled, 15, 1) > 4


def test_a_slice_of_few_horizons_moves_the_temperature_less():
    logits, classes = sample(2.0, rows=1_680)
    independent, overlapping = (fit_temperature(logits, classes, 15, bars) for bars in (1, 48))
    assert independent == pytest.approx(2.0, rel=0.1)
    assert 1.2 < overlapping < independent - 0.2


@given(st.floats(-2, 2))
def test_the_derivatives_are_those_of_the_loss(log_temperature):
    logits, classes = sample(1.5, rows=50)
    step = 1e-5
    loss, slope, curvature = negative_log_likelihood(logits, classes, log_temperature)
    up, up_slope, _ = negative_log_likelihood(logits, classes, log_temperature + step)
    down, down_slope, _ = negative_log_likelihood(logits, classes, log_temperature - step)
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-6)
    assert curvature == pytest.approx((up_slope - down_slope) / (2 * step), rel=1e-3, abs=1e-6)
    assert loss > 0
