"""What the model says of the next `horizon_bars` bars, and the facts needed to act on it.

Made by the predictor, carried over HTTP by the API, consumed by the engine.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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


def _summing_to_one(probabilities: tuple[float, ...]) -> tuple[float, ...]:
    total = sum(probabilities)
    if abs(total - 1) > 1e-4:
        raise ValueError(f"probabilities sum to {total}, expected 1")
    return probabilities


Probabilities = Annotated[
    tuple[Probability, ...],
    Field(min_length=CLASS_COUNT, max_length=CLASS_COUNT),
    AfterValidator(_summing_to_one),
]
FourFloats = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    Field(min_length=CLASS_COUNT, max_length=CLASS_COUNT),
]


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
    probabilities: Probabilities
    momentum: Annotated[float, Field(ge=-4, le=4)]
    volatility_per_bar: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @property
    def expected_class(self) -> Direction:
        best = max(range(CLASS_COUNT), key=self.probabilities.__getitem__)
        return list(Direction)[best]

    @property
    def bearish_probability(self) -> float:
        return self.probabilities[2] + self.probabilities[3]


class ServedForecast(BaseModel):
    """A forecast as the API gives it, one or one of many. Times are UTC milliseconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: Annotated[str, Field(description="of the artifact that made it")]
    verdict: Annotated[Verdict, Field(description="may a position be opened on this artifact?")]
    bar_open_time: Annotated[int, Field(description="open time of the last bar that it saw")]
    data_time: Annotated[int, Field(description="close of that bar: nothing later was seen")]
    expires_at: Annotated[int, Field(description="close of the next bar; do not act on it later")]
    probabilities: Annotated[
        Probabilities,
        Field(
            description="calibrated: strong_bullish, moderate_bullish, moderate_bearish, "
            "strong_bearish"
        ),
    ]
    expected_class: Annotated[Direction, Field(description="the most probable class")]
    momentum: Annotated[
        float, Field(ge=-4, le=4, description="expected standardised return over the horizon")
    ]
    volatility_per_bar: Annotated[
        float,
        Field(
            gt=0,
            allow_inf_nan=False,
            description="expected standard deviation of one bar's log return",
        ),
    ]
    volatility_annualised: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False, description="the same over 365 days, markets never close"),
    ]
    attention: Annotated[
        tuple[Probability, ...] | None,
        Field(description="weight of each bar of the window, oldest first; only on request"),
    ] = None

    def forecast(self) -> Forecast:
        """What the engine acts on."""
        return Forecast(**{name: getattr(self, name) for name in Forecast.model_fields})


class ServedForecasts(BaseModel):
    """The answer to every request for forecasts: one or many, in the order asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    forecasts: Annotated[tuple[ServedForecast, ...], Field(min_length=1)]


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
    component_count: Annotated[
        int | None, Field(description="width of a row of principal components")
    ] = None
    trained_at: str
    data_end: int
    verdict: Verdict
    verdict_reason: str
    decision: DecisionFacts
    reference: Reference | None = None
