"""Diebold and Mariano's test errs as often as it says on overlapping horizons."""

import numpy as np
import pytest

from tradinglab.artifact.manifest import Comparison
from tradinglab_trainer.comparison import compare, diebold_mariano

HORIZON = 24


def overlapping(rows, rng):
    """Loss differences of two equally good forecasters: sums of HORIZON independent surprises."""
    surprises = np.cumsum(rng.normal(size=rows + HORIZON))
    return (surprises[HORIZON:] - surprises[:-HORIZON]) / HORIZON**0.5


def test_equal_forecasters_are_told_apart_as_seldom_as_stated():
    rng = np.random.default_rng(11)
    found = [diebold_mariano(overlapping(8_760, rng), HORIZON) < 0.05 for _ in range(600)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.025)


def test_a_clear_difference_is_found_in_its_direction_only():
    noise = overlapping(8_760, np.random.default_rng(3))
    worse, better = noise + 0.4, noise - 0.4
    assert compare(worse, np.zeros(8_760), HORIZON) is Comparison.WORSE
    assert compare(better, np.zeros(8_760), HORIZON) is Comparison.BETTER
    assert compare(noise - noise.mean(), np.zeros(8_760), HORIZON) is Comparison.INCONCLUSIVE


def test_a_short_series_is_no_error():
    assert 0 <= diebold_mariano(np.array([0.1, -0.2, 0.3]), HORIZON) <= 1
