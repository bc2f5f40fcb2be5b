"""The manifest of an artifact that says little: what a test cares about replaces the rest."""

from typing import Any

from tradinglab.artifact.manifest import Comparison, DataRange, FileEntry, Gate, Manifest
from tradinglab.domain.forecast import DecisionFacts, Verdict


def example_manifest(
    files: dict[str, FileEntry],
    *,
    comparison: Comparison = Comparison.FIRST,
    horizon_bars: int = 12,
    **replaced: Any,
) -> Manifest:
    """`replaced`: fields of the manifest."""
    fields: dict[str, Any] = {
        "model": "lab/btc",
        "job": "btc-1",
        "trained_at": "2026-01-01T00:00:00Z",
        "code_version": "0.1.0",
        "exchange": "binance",
        "symbol": "BTC/USDT",
        "timeframe": "1h",
        "window_bars": 8,
        "lookback_bars": 508,
        "component_count": 5,
        "specification_sha256": "0" * 64,
        "data": DataRange(start=0, end=1_704_067_200_000, bars=1000, sha256="0" * 64),
        "hyperparameters": {},
        "seeds": (1,),
        "metrics": {},
        "gate": Gate(
            servable=True,
            comparison=comparison,
            verdict=Verdict.UNPROVEN,
            verdict_reason="too few bars to tell",
            detectable_gain=0.1,
            checks=(),
        ),
        "decision": DecisionFacts(
            horizon_bars=horizon_bars,
            class_mean_returns=(1.2, 0.4, -0.4, -1.2),
            volatility_p10=0.003,
            volatility_p50=0.006,
            volatility_p90=0.01,
            edge_standard_error=0.1,
        ),
        "files": files,
    }
    return Manifest(**fields | replaced)
