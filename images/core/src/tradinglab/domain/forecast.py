"""What the model says of the next `horizon_bars` bars, and the facts needed to act on it.

Made by the predictor, carried over HTTP by the API, consumed by the engine.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tradinglab.domain.reference import Reference

CLASS_COUNT = 4


class Direction(StrEnum):
    """The four classes, in the order of every probability vector of the product."""

    STRONG_BULLISH = "strong_bullish"
    MODERATE_BULLISH = "moderate_bullish"
    MODERATE_BEARISH = "moderate_bearish"
    STRONG_BEARISH = "strong_bearish"


class Verdict(StrEnum):
    """May a position be opened on this artifact? Only `TRADEABLE` may be traded live."""

    TRADEABLE = "Tradeable"
    UNPROVEN = "Unproven"
    NO_SKILL = "NoSkill"


Probability = Annotated[float, Field(ge=0, le=1)]
FourFloats = Annotated[tuple[float, ...], Field(min_length=CLASS_COUNT, max_length=CLASS_COUNT)]


class Forecast(BaseModel):
    """One forecast, made at the close of the bar that opened at `bar_open_time`.

    `momentum` is the expected standardised return over the horizon, within ±4;
    `volatility_per_bar` the expected standard deviation of one bar's log return.
    `expires_at` (UTC milliseconds, on the market's clock) is the close of the next bar.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    bar_open_time: int
    expires_at: int
    probabilities: Annotated[tuple[Probability, ...], Field(min_length=4, max_length=4)]
    momentum: Annotated[float, Field(ge=-4, le=4)]
    volatility_per_bar: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _probabilities_sum_to_one(self) -> "Forecast":
        total = sum(self.probabilities)
        if abs(total - 1) > 1e-4:
            raise ValueError(f"probabilities sum to {total}, expected 1")
        return self

    @property
    def expected_class(self) -> Direction:
        best = max(range(CLASS_COUNT), key=self.probabilities.__getitem__)
        return list(Direction)[best]

    @property
    def bearish_probability(self) -> float:
        return self.probabilities[2] + self.probabilities[3]


class DecisionFacts(BaseModel):
    """What the engine must know of an artifact beyond a forecast; stored in its manifest.

    `class_mean_returns`: the training data's mean standardised return (unit: σ̂√H) per class.
    `volatility_p10/p50/p90`: percentiles of the per-bar volatility in training.
    `edge_standard_error`: of the standardised edge, block-bootstrapped on calibration bars.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizon_bars: Annotated[int, Field(ge=1)]
    class_mean_returns: FourFloats
    volatility_p10: Annotated[float, Field(gt=0)]
    volatility_p50: Annotated[float, Field(gt=0)]
    volatility_p90: Annotated[float, Field(gt=0)]
    edge_standard_error: Annotated[float, Field(gt=0)]


class ModelFacts(BaseModel):
    """One artifact as its consumers see it: which market, how much input, what verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    version: str
    exchange: str
    symbol: str
    timeframe: str
    window_bars: int
    lookback_bars: Annotated[
        int, Field(description="rows of raw snapshots that one forecast needs")
    ]
    trained_at: str
    data_end: int
    verdict: Verdict
    verdict_reason: str
    decision: DecisionFacts
    reference: Reference | None = None
