"""The gate: two verdicts on a challenger, each check with its value, limit and outcome.

Called by the run. Pure: arrays in, verdicts out. No skill is an ordinary outcome, told as such.
"""

from dataclasses import dataclass

import numpy as np

from tradinglab.artifact.manifest import Check, Comparison, Gate
from tradinglab.domain.forecast import Verdict
from tradinglab.errors import TrainingDiverged
from tradinglab.evaluation.metrics import (
    block_means,
    brier_score,
    calibration_null,
    collapsed,
    direction_gain_needed,
    expected_calibration_error,
    log_losses,
    qlike,
)
from tradinglab.features.columns import FloatArray
from tradinglab_trainer.export import EXPORT_TOLERANCE
from tradinglab_trainer.procedure import OutOfFold

ROUND_TRIP_COST = 0.0025  # two taker fees of 0.1 % and 0.05 % of spread and slippage
MINIMUM_OBSERVATIONS = 100.0  # with fewer blocks the bootstrap's interval is too narrow
POWER_FACTOR = 2.49  # one-sided 5 %, 80 % power: z(0.95) + z(0.80)


@dataclass(frozen=True)
class Judgement:
    """The gate and every metric it was made from."""

    gate: Gate
    metrics: dict[str, float]


def net_returns(oof: OutOfFold, horizon_bars: int) -> FloatArray:
    """Long when the expected return exceeds the round trip, held for the horizon, one at a time."""
    trades, free_from = [], -1
    for row, expected, came in zip(oof.rows, oof.expected_returns, oof.returns, strict=True):
        if row >= free_from and expected > ROUND_TRIP_COST:
            trades.append(np.expm1(came) - ROUND_TRIP_COST)
            free_from = row + horizon_bars
    return np.array(trades)


def judge(
    oof: OutOfFold,
    shipped_export_difference: float,
    comparison: Comparison,
    horizon_bars: int,
    seed: int,
) -> Judgement:
    """Both verdicts on the pooled out-of-fold forecasts.

    Raises TrainingDiverged when a metric is not finite.
    """
    block = 2 * horizon_bars
    classes, two_probabilities = oof.classes, collapsed(oof.probabilities, oof.classes)
    two_prior = collapsed(oof.prior, classes)
    gain = log_losses(oof.prior, classes) - log_losses(oof.probabilities, classes)
    direction = log_losses(*two_prior) - log_losses(*two_probabilities)
    gain_means = block_means(gain, block, seed)
    direction_means = block_means(direction, block, seed)
    direction_low, direction_high = np.percentile(direction_means, (2.5, 97.5))
    confidence = oof.probabilities.max(axis=1)
    correct = (oof.probabilities.argmax(axis=1) == classes).astype(np.float64)
    plain_correct = (oof.uncalibrated.argmax(axis=1) == classes).astype(np.float64)
    ece_null = calibration_null(oof.probabilities, horizon_bars, seed)
    truth = np.eye(4)[classes]
    brier_excess = ((oof.probabilities - truth) ** 2 - (oof.prior - truth) ** 2).sum(axis=1)
    volatility_loss = {
        name: qlike(getattr(oof, name), oof.realised) for name in ("volatility", "har", "ewma")
    }
    ewma_excess = volatility_loss["volatility"] - volatility_loss["ewma"]
    trades = net_returns(oof, horizon_bars)
    hits = (two_probabilities[0].argmax(axis=1) == two_probabilities[1]).astype(np.float64)
    needed = direction_gain_needed(0.5 + ROUND_TRIP_COST / (2 * float(np.abs(oof.returns).mean())))
    metrics = {
        "rows": float(len(classes)),
        "effective_observations": len(classes) / horizon_bars,
        "log_loss": float(log_losses(oof.probabilities, classes).mean()),
        "log_loss_prior": float(log_losses(oof.prior, classes).mean()),
        "log_loss_logit": float(log_losses(oof.logit, classes).mean()),
        "direction_gain": float(direction.mean()),
        "direction_gain_low": float(direction_low),
        "direction_gain_high": float(direction_high),
        "direction_gain_needed": needed,
        "direction_accuracy": float(hits.mean()),
        "direction_accuracy_half_width": 1.96 * float(np.sqrt(0.25 * horizon_bars / len(classes))),
        "brier": brier_score(oof.probabilities, classes),
        "brier_prior": brier_score(oof.prior, classes),
        "ece": expected_calibration_error(confidence, correct),
        "ece_before": expected_calibration_error(oof.uncalibrated.max(axis=1), plain_correct),
        "ece_null": ece_null,
        "qlike": float(volatility_loss["volatility"].mean()),
        "qlike_har": float(volatility_loss["har"].mean()),
        "qlike_ewma": float(volatility_loss["ewma"].mean()),
        "trades": float(len(trades)),
        "net_return": float(trades.sum()),
        "buy_and_hold": float(np.expm1(oof.returns[::horizon_bars].sum())),
    }
    diverged = [name for name, value in metrics.items() if not np.isfinite(value)]
    if diverged:
        raise TrainingDiverged(f"not finite: {', '.join(diverged)}; expected every metric finite")
    worst_export = max(oof.export_difference, shipped_export_difference)
    checks = [
        _check("export_difference", worst_export, "<=", EXPORT_TOLERANCE, "servable"),
        _check("brier_excess_low", _low(brier_excess, block, seed), "<=", 0.0, "servable"),
        _check("qlike_excess_low", _low(ewma_excess, block, seed), "<=", 0.0, "servable"),
        _check(
            "not_worse_than_champion", float(comparison is Comparison.WORSE), "==", 0.0, "servable"
        ),
        _check(
            "effective_observations",
            metrics["effective_observations"],
            ">=",
            MINIMUM_OBSERVATIONS,
            "tradeable",
        ),
        _check("gain_low", float(np.percentile(gain_means, 2.5)), ">", 0.0, "tradeable"),
        _check("direction_gain_low", float(direction_low), ">", 0.0, "tradeable"),
        _check("ece", metrics["ece"], "<=", ece_null, "tradeable"),
        _check("qlike_over_ewma", metrics["qlike"], "<=", metrics["qlike_ewma"], "tradeable"),
        _check("net_return", metrics["net_return"], ">=", 0.0, "tradeable"),
    ]
    verdict, reason = _verdict(checks, metrics)
    return Judgement(
        Gate(
            servable=all(check.passed for check in checks if check.decides == "servable"),
            comparison=comparison,
            verdict=verdict,
            verdict_reason=reason,
            detectable_gain=POWER_FACTOR * float(direction_means.std()),
            checks=tuple(checks),
        ),
        metrics,
    )


def _low(values: FloatArray, block: int, seed: int) -> float:
    return float(np.percentile(block_means(values, block, seed), 2.5))


def _check(name: str, value: float, rule: str, limit: float, decides: str) -> Check:
    passed = {
        "<=": value <= limit, ">=": value >= limit, "<": value < limit,
        ">": value > limit, "==": value == limit,
    }[rule]  # fmt: skip
    return Check.model_validate(
        {"name": name, "value": value, "rule": rule, "limit": limit, "passed": passed,
         "decides": decides}
    )  # fmt: skip


def _verdict(checks: list[Check], metrics: dict[str, float]) -> tuple[Verdict, str]:
    failed = [check for check in checks if check.decides == "tradeable" and not check.passed]
    interval = (
        f"directional log-loss gain {metrics['direction_gain']:+.4f} "
        f"[{metrics['direction_gain_low']:+.4f}, {metrics['direction_gain_high']:+.4f}] "
        f"over the prior, about {metrics['effective_observations']:.0f} independent observations"
    )
    if not failed:
        return Verdict.TRADEABLE, interval
    if metrics["direction_gain_high"] < metrics["direction_gain_needed"]:
        return Verdict.NO_SKILL, (f"{interval}; costs need {metrics['direction_gain_needed']:.4f}")
    return Verdict.UNPROVEN, f"{interval}; failed: {', '.join(check.name for check in failed)}"
