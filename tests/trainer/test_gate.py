"""The gate tells skill from none, names what failed, and keeps a worse challenger out."""

from dataclasses import replace

import numpy as np
import pytest

from tradinglab.artifact.manifest import Comparison
from tradinglab.domain.forecast import Verdict
from tradinglab.errors import TrainingDiverged
from tradinglab.evaluation.metrics import (
    block_means,
    calibration_null,
    expected_calibration_error,
    log_losses,
    qlike,
)
from tradinglab_trainer.comparison import compare
from tradinglab_trainer.gate import judge
from tradinglab_trainer.scored import ScoredForecasts
from tradinglab_trainer.scores import measure

HORIZON, HOUR = 24, 3_600_000


def forecasts(rows, skill, seed=0, scale=0.03, **replaced):
    """Blocks of one horizon share their outcome; `skill` is the logit of the true class."""
    rng = np.random.default_rng(seed)
    blocks = rows // HORIZON + 1
    block_logits = rng.normal(0, skill, (blocks, 4))
    probabilities = np.exp(block_logits) / np.exp(block_logits).sum(axis=1, keepdims=True)
    outcomes = (rng.random((blocks, 1)) > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    index = np.arange(rows) // HORIZON
    classes, forecast = outcomes[index], probabilities[index]
    standardised = np.array([1.5, 0.4, -0.4, -1.5])
    flat = np.full(rows, np.log(0.006))
    columns = {
        "times": HOUR * np.arange(rows),
        "rows": np.arange(rows),
        "close": np.full(rows, 30_000.0),
        "classes": classes,
        "returns": (standardised * scale)[classes],
        "standardised": standardised[classes],
        "realised": flat + rng.normal(0, 0.1, rows),
        "probabilities": forecast,
        "uncalibrated": forecast,
        "momentum": forecast @ standardised,
        "expected_returns": forecast @ (standardised * scale),
        "volatility": flat,
        "attention": np.full((rows, 8), 1 / 8, np.float32),
        "prior": np.full((rows, 4), 0.25),
        "logit": np.full((rows, 4), 0.25),
        "har": flat,
        "ewma": flat + 0.2,
    }
    return ScoredForecasts(**columns | replaced)


def judged(scored, comparison=Comparison.FIRST, difference=1e-7):
    return judge(measure(scored, HORIZON, HOUR, 7), difference, comparison)


def test_a_skilled_model_is_tradeable():
    scored = forecasts(12_000, 1.0)
    gate = judged(scored)
    assert gate.verdict is Verdict.TRADEABLE
    assert gate.servable
    assert gate.comparison is Comparison.FIRST
    metrics = measure(scored, HORIZON, HOUR, 7)
    assert metrics["net_return"] > 0
    assert metrics["net_sharpe"] > metrics["net_sharpe_half_width"]
    assert metrics["top_decile_accuracy"] > metrics["direction_accuracy"] > 0.6


def test_forecasts_equal_to_the_prior_have_no_skill_and_may_still_be_served():
    scored = forecasts(24_000, 1e-6)
    gate = judged(scored)
    assert gate.verdict is Verdict.NO_SKILL
    assert gate.servable
    assert measure(scored, HORIZON, HOUR, 7)["trades"] == 0
    assert "costs need" in gate.verdict_reason


def test_beating_a_prior_that_the_market_left_is_no_gain():
    """Knowing nothing beats a bullish prior in a market that has turned."""
    bullish = np.tile([0.35, 0.35, 0.15, 0.15], (24_000, 1))
    scored = forecasts(24_000, 1e-6, prior=bullish)
    metrics = measure(scored, HORIZON, HOUR, 7)
    assert metrics["direction_log_loss"] < metrics["direction_log_loss_prior"] - 0.05
    assert metrics["direction_gain"] == pytest.approx(0, abs=1e-6)
    assert metrics["gain"] == pytest.approx(0, abs=1e-6)


def test_foreseeing_when_the_price_stands_still_is_no_direction():
    """An unchanged close counts as bullish, and is likelier where volatility is low."""
    rng = np.random.default_rng(4)
    index = np.arange(24_000) // HORIZON
    calm = (rng.random(1001) < 0.5)[index]
    still = calm & (rng.random(1001) < 0.6)[index]
    up = (rng.random(1001) < 0.5)[index]
    returns = np.where(still, 0.0, np.where(up, 0.02, -0.02))
    bullish = np.where(calm, 0.8, 0.5)[:, None]
    known = np.hstack([bullish / 2, bullish / 2, (1 - bullish) / 2, (1 - bullish) / 2])
    scored = forecasts(
        24_000, 1e-6, returns=returns, classes=np.where(returns >= 0, 1, 2), probabilities=known,
        expected_returns=np.zeros(24_000),
    )  # fmt: skip
    metrics = measure(scored, HORIZON, HOUR, 7)
    assert metrics["direction_gain"] < 0
    gate = judged(scored)
    assert gate.verdict is not Verdict.TRADEABLE
    assert "trades" in [check.name for check in gate.checks if not check.passed]


def test_too_few_observations_are_unproven_and_the_detectable_gain_is_told():
    gate = judged(forecasts(600, 0.5, seed=3))
    assert gate.verdict is Verdict.UNPROVEN
    assert "effective_observations" in gate.verdict_reason
    assert gate.detectable_gain > 0.01


def test_a_challenger_that_is_clearly_worse_is_not_servable():
    champion = forecasts(12_000, 1.0)
    blind = np.tile([0.1, 0.4, 0.1, 0.4], (12_000, 1))
    losses = log_losses(blind, champion.classes)
    best = log_losses(champion.probabilities, champion.classes)
    found = compare(losses, best, HORIZON)
    gate = judged(replace(champion, probabilities=blind), found)
    assert gate.comparison is Comparison.WORSE
    assert not gate.servable
    assert compare(best, losses, HORIZON) is Comparison.BETTER
    assert compare(best, best, HORIZON) is Comparison.INCONCLUSIVE


def test_a_metric_that_is_not_finite_ends_the_run_by_name():
    with pytest.raises(TrainingDiverged, match="not finite: qlike"):
        judged(forecasts(2_000, 1.0, volatility=np.full(2_000, np.nan)))


def test_an_export_that_differs_is_not_servable():
    gate = judged(forecasts(2_000, 1.0), difference=0.01)
    assert not gate.servable
    assert "export_difference" in [check.name for check in gate.checks if not check.passed]


def test_the_null_of_calibration_covers_a_calibrated_model_and_no_other():
    oof = forecasts(12_000, 1.0)
    top = oof.probabilities.argmax(axis=1) == oof.classes
    confidence = oof.probabilities.max(axis=1)
    null = calibration_null(oof.probabilities, HORIZON, 7)
    assert expected_calibration_error(confidence, top.astype(float)) <= null
    boasting = np.minimum(confidence + 0.3, 1.0)
    assert expected_calibration_error(boasting, top.astype(float)) > null


def test_block_bootstrap_is_wider_than_the_naive_error_on_dependent_values():
    values = np.repeat(np.random.default_rng(0).normal(size=200), HORIZON)
    naive = values.std() / np.sqrt(len(values))
    assert block_means(values, 2 * HORIZON, 1).std() > 3 * naive


def test_qlike_is_zero_only_for_the_right_volatility():
    truth = np.log(np.array([0.01, 0.02]))
    assert qlike(truth, truth) == pytest.approx([0, 0])
    assert (qlike(truth + 0.1, truth) > 0).all()
    assert (qlike(truth - 0.1, truth) > 0).all()
