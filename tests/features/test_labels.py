"""Labels: balanced classes on the training data, and nothing where the horizon is not complete."""

import numpy as np
import pytest
from tests.market_data import real_bars

from tradinglab.features.labels import horizon_returns, make_labels, standardise
from tradinglab.features.volatility import fit_har, future_log_volatility, har_forecast, har_terms

HOUR, HORIZON = 3_600_000, 24


def test_classes_hold_about_a_quarter_each_and_the_end_is_unknown():
    close = real_bars(rows=8000).close.to_numpy()
    terms, target = har_terms(close, HOUR), future_log_volatility(close, HORIZON)
    usable = np.isfinite(terms).all(axis=1) & np.isfinite(target)
    baseline = har_forecast(terms, fit_har(terms[usable], target[usable])[0])
    z = standardise(horizon_returns(close, HORIZON), baseline, HORIZON)
    labels = make_labels(close, baseline, HORIZON, float(np.nanmedian(np.abs(z))))
    assert (labels.classes[-HORIZON:] == -1).all()
    shares = np.bincount(labels.classes[labels.classes >= 0], minlength=4) / usable.sum()
    assert shares == pytest.approx(np.full(4, 0.25), abs=0.06)
    assert np.nanmax(np.abs(labels.momentum)) <= 4
    known = labels.classes >= 0
    assert ((labels.returns[known] >= 0) == (labels.classes[known] <= 1)).all()


def test_future_volatility_is_that_of_the_bars_after():
    close = np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 200)))
    ahead = future_log_volatility(close, 10)
    returns = np.diff(np.log(close))
    assert ahead[50] == pytest.approx(0.5 * np.log((returns[50:60] ** 2).mean()))
    assert np.isnan(ahead[-10:]).all()
    assert np.isfinite(ahead[:-10]).all()


def test_the_volatility_forecast_is_right_on_average_for_the_variance():
    close = real_bars(rows=8000).close.to_numpy()
    terms, target = har_terms(close, HOUR), future_log_volatility(close, HORIZON)
    usable = np.isfinite(terms).all(axis=1) & np.isfinite(target)
    coefficients, smearing = fit_har(terms[usable], target[usable])
    forecast = har_forecast(terms[usable], coefficients)
    assert smearing > 0
    assert np.exp(2 * (target[usable] - forecast)).mean() == pytest.approx(1)
