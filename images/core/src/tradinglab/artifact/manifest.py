"""The manifest: what an artifact is, what it was made from, how it was judged.

Written last by the trainer; read by the operator (which needs no numpy for it) and the API.
The digest of an artifact is the SHA-256 of this file's bytes, which name every other file's.
"""

import hashlib
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tradinglab.domain.forecast import DecisionFacts, ModelFacts, Verdict
from tradinglab.domain.reference import Reference

SCHEMA_VERSION: Literal[1] = 1
DIGEST_PREFIX = "sha256:"
REPORT_FILE = "report.html"


class ManifestModel(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class FileEntry(ManifestModel):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Gap(ManifestModel):
    """`missing_bars` bars are absent after the bar that opened at `after` (UTC milliseconds)."""

    after: int
    missing_bars: int


class Stretch(ManifestModel):
    """`bars` consecutive bars from the one that opened at `start` (UTC milliseconds)."""

    start: int
    bars: int


class Outlier(ManifestModel):
    """A price far from its neighbours: a close from the closes beside it, a wick from its body."""

    open_time: int
    column: Literal["high", "low", "close"]
    value: float
    reference: float


class DataRange(ManifestModel):
    """First and last bar's open time (UTC milliseconds), their number, hash and what is odd.

    Counts are of the whole; lists hold the greatest of each kind, in time order.
    """

    start: int
    end: int
    bars: int
    sha256: str
    missing_bars: int = 0
    gap_count: int = 0
    gaps: tuple[Gap, ...] = ()
    zero_volume_bars: int = 0
    zero_volume: tuple[Stretch, ...] = ()
    outliers: tuple[Outlier, ...] = ()


class Check(ManifestModel):
    """One check of the gate; `value` is compared with `limit` as `rule` says."""

    name: str
    value: float
    rule: Literal["<=", ">=", "<", ">", "=="]
    limit: float
    passed: bool
    decides: Literal["servable", "tradeable"]


class Comparison(StrEnum):
    """Challenger against champion, as procedures on the same folds."""

    FIRST = "First"
    BETTER = "Better"
    INCONCLUSIVE = "Inconclusive"
    WORSE = "Worse"


class Gate(ManifestModel):
    """Two verdicts, kept apart: may it be served, may it be traded."""

    servable: bool
    comparison: Comparison
    verdict: Verdict
    verdict_reason: str
    detectable_gain: float
    checks: tuple[Check, ...]


class Manifest(ManifestModel):
    schema_version: Literal[1] = SCHEMA_VERSION
    model: Annotated[str, Field(description="<namespace>/<name> of the TradingModel")]
    job: Annotated[str, Field(description="the run that made it")]
    trained_at: str
    code_version: str
    exchange: str
    symbol: str
    timeframe: str
    window_bars: int
    lookback_bars: int
    component_count: int
    specification_sha256: Annotated[str, Field(description="of the feature and label definitions")]
    data: DataRange
    hyperparameters: dict[str, float | int | str]
    seeds: tuple[int, ...]
    metrics: dict[str, float]
    gate: Gate
    decision: DecisionFacts
    reference: Reference | None = None
    files: dict[str, FileEntry]

    def encoded(self) -> bytes:
        return (self.model_dump_json(by_alias=True, indent=1) + "\n").encode()

    def facts(self, digest: str, version: str) -> ModelFacts:
        """What consumers of the API are told."""
        return ModelFacts(
            digest=digest,
            version=version,
            exchange=self.exchange,
            symbol=self.symbol,
            timeframe=self.timeframe,
            window_bars=self.window_bars,
            lookback_bars=self.lookback_bars,
            trained_at=self.trained_at,
            data_end=self.data.end,
            verdict=self.gate.verdict,
            verdict_reason=self.gate.verdict_reason,
            decision=self.decision,
            reference=self.reference,
        )


def digest_of(manifest_bytes: bytes) -> str:
    return DIGEST_PREFIX + hashlib.sha256(manifest_bytes).hexdigest()
