"""The gate: two verdicts on a challenger, each check with its value, limit and outcome.

Called by the run. Pure: figures in, verdicts out. No skill is an ordinary outcome, told as such.
"""

from collections.abc import Mapping

from tradinglab.artifact.manifest import Check, Comparison, Gate
from tradinglab.domain.forecast import Verdict
from tradinglab_trainer.export import EXPORT_TOLERANCE

MINIMUM_OBSERVATIONS = 100.0  # with fewer blocks the bootstrap's interval is too narrow
MINIMUM_TRADES = 30.0  # hardly to trade is no worse than staying out, and proves nothing


def judge(metrics: Mapping[str, float], export_difference: float, comparison: Comparison) -> Gate:
    """Both verdicts, from the scores of the pooled out-of-fold forecasts."""
    worse = float(comparison is Comparison.WORSE)
    checks = (
        _check("export_difference", export_difference, "<=", EXPORT_TOLERANCE, "servable"),
        _check("brier_excess_low", metrics["brier_excess_low"], "<=", 0.0, "servable"),
        _check("qlike_excess_low", metrics["qlike_excess_low"], "<=", 0.0, "servable"),
        _check("not_worse_than_champion", worse, "==", 0.0, "servable"),
        _check(
            "effective_observations", metrics["effective_observations"],
            ">=", MINIMUM_OBSERVATIONS, "tradeable",
        ),
        _check("gain_low", metrics["gain_low"], ">", 0.0, "tradeable"),
        _check("direction_gain_low", metrics["direction_gain_low"], ">", 0.0, "tradeable"),
        _check("ece", metrics["ece"], "<=", metrics["ece_null"], "tradeable"),
        _check("qlike_over_ewma", metrics["qlike"], "<=", metrics["qlike_ewma"], "tradeable"),
        _check("trades", metrics["trades"], ">=", MINIMUM_TRADES, "tradeable"),
        _check("net_return", metrics["net_return"], ">=", 0.0, "tradeable"),
    )  # fmt: skip
    verdict, reason = _verdict(checks, metrics)
    return Gate(
        servable=all(check.passed for check in checks if check.decides == "servable"),
        comparison=comparison,
        verdict=verdict,
        verdict_reason=reason,
        detectable_gain=metrics["detectable_gain"],
        checks=checks,
    )


def _check(name: str, value: float, rule: str, limit: float, decides: str) -> Check:
    passed = {
        "<=": value <= limit, ">=": value >= limit, "<": value < limit,
        ">": value > limit, "==": value == limit,
    }[rule]  # fmt: skip
    return Check.model_validate(
        {"name": name, "value": value, "rule": rule, "limit": limit, "passed": passed,
         "decides": decides}
    )  # fmt: skip


def _verdict(checks: tuple[Check, ...], metrics: Mapping[str, float]) -> tuple[Verdict, str]:
    failed = [check for check in checks if check.decides == "tradeable" and not check.passed]
    interval = (
        f"directional log-loss gain {metrics['direction_gain']:+.4f} "
        f"[{metrics['direction_gain_low']:+.4f}, {metrics['direction_gain_high']:+.4f}] "
        f"over prior and even odds, about {metrics['effective_observations']:.0f} independent "
        "observations"
    )
    if not failed:
        return Verdict.TRADEABLE, interval
    if metrics["direction_gain_high"] < metrics["direction_gain_needed"]:
        return Verdict.NO_SKILL, (f"{interval}; costs need {metrics['direction_gain_needed']:.4f}")
    return Verdict.UNPROVEN, f"{interval}; failed: {', '.join(check.name for check in failed)}"
