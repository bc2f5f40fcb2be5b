"""Forty-odd wrong TradingModels: what is wrong, which field must be named, and who refuses it.

Used by the offline check's test and by the cluster test of `kubectl apply`. A case is (where it is
refused first, the field, what is wrong, the change to the manifest).
"""

from typing import Any

SCHEMA, RULE, OPERATOR = "schema", "rule", "operator"
Case = tuple[str, str, dict[str, Any]]
NESTED: list[tuple[str, str, Any]] = [
    # unknown fields
    (SCHEMA, "spec.retrain", "now"),
    (SCHEMA, "spec.training.epoch", 3),
    (SCHEMA, "spec.market.pair", "BTC/USDT"),
    (SCHEMA, "spec.training.tuning.trial", 3),
    (SCHEMA, "spec.serving.replicas", 2),
    # types
    (SCHEMA, "spec.training", "soon"),
    (SCHEMA, "spec.schedule.suspend", "maybe"),
    (SCHEMA, "spec.training.epochs", "many"),
    (SCHEMA, "spec.training.folds", 2.5),
    (SCHEMA, "spec.market.symbol", 7),
    (SCHEMA, "spec.storage.keep", [5]),
    # closed sets
    (SCHEMA, "spec.market.exchange", "kraken"),
    (SCHEMA, "spec.market.timeframe", "7m"),
    (SCHEMA, "spec.promotion.whenInconclusive", "Perhaps"),
    # symbols, histories, digests, names
    (SCHEMA, "spec.market.symbol", "bitcoin"),
    (SCHEMA, "spec.market.symbol", "BTC-USDT"),
    (SCHEMA, "spec.market.symbol", "btc/usdt"),
    (SCHEMA, "spec.market.history", "5 years"),
    (SCHEMA, "spec.market.history", "0d"),
    (SCHEMA, "spec.serving.pinnedDigest", "sha256:short"),
    (SCHEMA, "spec.serving.deployment", "My_API"),
    (SCHEMA, "spec.retryToken", "x" * 65),
    # ranges
    (SCHEMA, "spec.training.horizonBars", 0),
    (SCHEMA, "spec.training.horizonBars", 169),
    (SCHEMA, "spec.training.windowBars", 8),
    (SCHEMA, "spec.training.epochs", 501),
    (SCHEMA, "spec.training.folds", 13),
    (SCHEMA, "spec.training.seed", -1),
    (SCHEMA, "spec.training.pca.variance", 0),
    (SCHEMA, "spec.training.pca.variance", 1.2),
    (SCHEMA, "spec.training.tuning.maxFilters", 256),
    (SCHEMA, "spec.training.tuning.maxLstmUnits", 512),
    (SCHEMA, "spec.training.calibration.epochs", 9),
    (SCHEMA, "spec.training.deadlineSeconds", 10),
    (SCHEMA, "spec.training.driftIntervalHours", -1),
    (SCHEMA, "spec.serving.rolloutDeadlineSeconds", 3601),
    (SCHEMA, "spec.storage.keep", 1),
    (SCHEMA, "spec.schedule.startingDeadlineSeconds", 1),
    # quantities
    (SCHEMA, "spec.training.resources.limits.memory", "2 GB"),
    (SCHEMA, "spec.training.resources.limits.cpu", "-1"),
    (SCHEMA, "spec.training.resources.requests.cpu", "two"),
    # cron and zone by their form
    (SCHEMA, "spec.schedule.cron", "every sunday"),
    (SCHEMA, "spec.schedule.cron", "0 3 * *"),
    (SCHEMA, "spec.schedule.timeZone", "Mars and Venus"),
    # several fields together
    (RULE, "spec.market.history", "30d"),
    (RULE, "spec.market.history", "99y"),
    (RULE, "spec.training.horizonBars", {"training": {"horizonBars": 100, "windowBars": 16}}),
    # by their meaning, which no schema knows
    (OPERATOR, "spec.schedule.cron", "99 3 * * 0"),
    (OPERATOR, "spec.schedule.cron", "0 3 31 2 *"),
    (OPERATOR, "spec.schedule.timeZone", "Europe/Atlantis"),
]


def _change(field: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    for part in reversed(field.split(".")[1:]):
        value = {part: value}
    return dict(value)


CASES: list[Case] = [(who, field, _change(field, value)) for who, field, value in NESTED]
AT_APPLY = [(change, field) for who, field, change in CASES if who != OPERATOR]


def changed(spec: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`spec` with the fields of `change`, which may lie deep."""
    result = dict(spec)
    for key, value in change.items():
        inner = result.get(key)
        if isinstance(value, dict):
            result[key] = changed(inner if isinstance(inner, dict) else {}, value)
        else:
            result[key] = value
    return result
