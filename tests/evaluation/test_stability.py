"""PSI: its bounds, its bias, and stretches counted at once as if one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tradinglab.evaluation.stability import (
    bin_counts,
    smoothed,
    stability_index,
    stretch_indices,
)

counts = arrays(np.float64, 12, elements=st.integers(0, 10_000).map(float))


@settings(deadline=None)
@given(found=counts, expected=counts)
def test_psi_is_finite_not_negative_and_symmetric(found, expected):
    q, p = smoothed(found), smoothed(expected)
    psi = stability_index(q, p)
    assert np.isfinite(psi)
    assert psi >= -1e-12
    assert np.isclose(psi, stability_index(p, q))


@settings(deadline=None)
@given(found=counts, expected=counts)
def test_psi_is_at_most_the_largest_log_ratio_times_the_mass_that_moved(found, expected):
    q, p = smoothed(found), smoothed(expected)
    bound = np.abs(np.log(q / p)).max() * np.abs(q - p).sum()
    assert stability_index(q, p) <= bound + 1e-12


@settings(deadline=None)
@given(found=counts)
def test_psi_of_a_sample_against_itself_is_zero(found):
    assert stability_index(smoothed(found), smoothed(found)) == 0


@settings(deadline=None)
@given(
    values=arrays(np.float64, st.integers(0, 50), elements=st.floats(-5, 5)),
    edges=arrays(np.float64, 11, elements=st.floats(-5, 5)).map(np.sort),
)
def test_every_value_lies_in_one_bin(values, edges):
    assert bin_counts(values, edges).sum() == len(values)


def test_without_drift_independent_rows_show_the_stated_bias():
    rng = np.random.default_rng(0)
    training = rng.normal(size=20_000)
    edges = np.quantile(training, np.arange(1, 10) / 10)
    expected = smoothed(bin_counts(training, edges))
    found = [
        stability_index(smoothed(bin_counts(rng.normal(size=200), edges)), expected)
        for _ in range(400)
    ]
    assert abs(np.mean(found) / (9 * (1 / 200 + 1 / 20_000)) - 1) < 0.15


def test_stretches_are_counted_as_one_by_one():
    rng = np.random.default_rng(1)
    values = rng.normal(size=300)
    edges = np.quantile(values, np.arange(1, 10) / 10)
    expected = smoothed(bin_counts(values, edges))
    found = stretch_indices(values, edges, expected, 50, 25)
    one_by_one = [
        stability_index(smoothed(bin_counts(values[start : start + 50], edges)), expected)
        for start in range(0, 251, 25)
    ]
    assert np.allclose(found, one_by_one)
