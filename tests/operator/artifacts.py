"""A small valid artifact, written by the product's writer without numpy or a network.

Used by the operator's tests and by the trainer that stands in for the real one.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from tradinglab.artifact.manifest import Comparison, DataRange, Gate, Manifest
from tradinglab.artifact.store import Artifact, runs_directory, write_artifact
from tradinglab.domain.forecast import DecisionFacts, Verdict


def store_artifact(
    volume: Path,
    model: str,
    job: str,
    trained_at: datetime,
    comparison: Comparison = Comparison.BETTER,
) -> Artifact:
    """One small valid artifact; another job gives another digest."""

    def manifest_with(entries: Any) -> Manifest:
        return Manifest(
            model=model,
            job=job,
            trained_at=trained_at.isoformat(),
            code_version="0",
            exchange="binance",
            symbol="BTC/USDT",
            timeframe="1h",
            window_bars=64,
            lookback_bars=200,
            component_count=8,
            specification_sha256="0" * 64,
            data=DataRange(start=0, end=1_700_000_000_000, bars=1000, sha256="0" * 64),
            hyperparameters={},
            seeds=(7,),
            metrics={"log_loss": 1.3},
            gate=Gate(
                servable=True,
                comparison=comparison,
                verdict=Verdict.UNPROVEN,
                verdict_reason="too few bars to tell",
                detectable_gain=0.1,
                checks=(),
            ),
            decision=DecisionFacts(
                horizon_bars=24,
                class_mean_returns=(1.2, 0.4, -0.4, -1.2),
                volatility_p10=0.003,
                volatility_p50=0.006,
                volatility_p90=0.01,
                edge_standard_error=0.1,
            ),
            files=entries,
        )

    return write_artifact(
        runs_directory(volume, model), {"model.onnx": job.encode()}, manifest_with
    )
