"""The gate tells skill from none, names what failed, and keeps a worse challenger out."""

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
from tradinglab_trainer.comparison import compare, diebold_mariano
from tradinglab_trainer.gate import judge
from tradinglab_trainer.procedure import OutOfFold

HORIZON = 24


def out_of_fold(rows, skill, seed=0, scale=0.03):
    """Blocks of one horizon share their outcome; `skill` is the logit of the true class."""
    rng = np.random.default_rng(seed)
    blocks = rows // HORIZON + 1
    block_logits = rng.normal(0, skill, (blocks, 4))
    probabilities = np.exp(block_logits) / np.exp(block_logits).sum(axis=1, keepdims=True)
    outcomes = (rng.random((blocks, 1)) > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    index = np.arange(rows) // HORIZON
    classes, forecast = outcomes[index], probabilities[index]
    means = np.array([1.5, 0.4, -0.4, -1.5]) * scale
    returns = means[classes]
    prior = np.full((rows, 4), 0.25)
    realised = np.full(rows, np.log(0.006)) + rng.normal(0, 0.1, rows)
    flat = np.full(rows, np.log(0.006))
    return OutOfFold(
        rows=np.arange(rows),
        classes=classes,
        returns=returns,
        probabilities=forecast,
        uncalibrated=forecast,
        prior=prior,
        logit=prior,
        expected_returns=forecast @ means,
        volatility=flat,
        har=flat,
        ewma=flat + 0.2,
        realised=realised,
        best_epochs=(3,),
        export_difference=1e-7,
    )


def test_a_skilled_model_is_tradeable():
    judgement = judge(out_of_fold(12_000, 1.0), 1e-7, Comparison.FIRST, HORIZON, 7)
    assert judgement.gate.verdict is Verdict.TRADEABLE
    assert judgement.gate.servable
    assert judgement.gate.comparison is Comparison.FIRST
    assert judgement.metrics["net_return"] > 0


def test_forecasts_equal_to_the_prior_have_no_skill_and_may_still_be_served():
    judgement = judge(out_of_fold(24_000, 1e-6), 1e-7, Comparison.FIRST, HORIZON, 7)
    assert judgement.gate.verdict is Verdict.NO_SKILL
    assert judgement.gate.servable
    assert judgement.metrics["trades"] == 0
    assert "costs need" in judgement.gate.verdict_reason


def test_too_few_observations_are_unproven_and_the_detectable_gain_is_told():
    judgement = judge(out_of_fold(600, 0.5, seed=3), 1e-7, Comparison.FIRST, HORIZON, 7)
    assert judgement.gate.verdict is Verdict.UNPROVEN
    assert "effective_observations" in judgement.gate.verdict_reason
    assert judgement.gate.detectable_gain > 0.01


def test_a_challenger_that_is_clearly_worse_is_not_servable():
    champion = out_of_fold(12_000, 1.0)
    blind = np.tile([0.1, 0.4, 0.1, 0.4], (12_000, 1))
    challenger = OutOfFold(**{**vars(champion), "probabilities": blind})
    losses = log_losses(challenger.probabilities, challenger.classes)
    best = log_losses(champion.probabilities, champion.classes)
    found = compare(losses, best, HORIZON)
    judgement = judge(challenger, 1e-7, found, HORIZON, 7)
    assert judgement.gate.comparison is Comparison.WORSE
    assert not judgement.gate.servable
    assert compare(best, losses, HORIZON) is Comparison.BETTER
    assert compare(best, best, HORIZON) is Comparison.INCONCLUSIVE


def test_a_metric_that_is_not_finite_ends_the_run_by_name():
    oof = out_of_fold(2_000, 1.0)
    torn = OutOfFold(**{**vars(oof), "volatility": np.full(2_000, np.nan)})
    with pytest.raises(TrainingDiverged, match="not finite: qlike"):
        judge(torn, 1e-7, Comparison.FIRST, HORIZON, 7)


def test_an_export_that_differs_is_not_servable():
    judgement = judge(out_of_fold(2_000, 1.0), 0.01, Comparison.FIRST, HORIZON, 7)
    assert not judgement.gate.servable
    failed = [check.name for check in judgement.gate.checks if not check.passed]
    assert "export_difference" in failed


def test_the_null_of_calibration_covers_a_calibrated_model_and_no_other():
    oof = out_of_fold(12_000, 1.0)
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


def test_diebold_mariano_is_one_sided_and_blind_to_noise():
    noise = np.random.default_rng(5).normal(size=3000)
    assert diebold_mariano(noise + 0.3, 24) < 0.01
    assert diebold_mariano(noise - 0.3, 24) > 0.99
    assert diebold_mariano(noise - noise.mean(), 24) == pytest.approx(0.5)


def test_qlike_is_zero_only_for_the_right_volatility():
    truth = np.log(np.array([0.01, 0.02]))
    assert qlike(truth, truth) == pytest.approx([0, 0])
    assert (qlike(truth + 0.1, truth) > 0).all()
    assert (qlike(truth - 0.1, truth) > 0).all()
