"""What a person asks for: the spec of a TradingModel.

Read by the operator (which hands it to each run as JSON), the trainer and the embedded default;
the CRD's schema is generated from it, so a rule stands here once.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from tradinglab.domain.market import (
    HISTORY_PATTERN,
    MILLISECONDS,
    SYMBOL_PATTERN,
    Market,
    history_milliseconds,
    timeframe_milliseconds,
)
from tradinglab.resource.rules import broken_rules

Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]
CRON_PATTERN = r"^[0-9A-Za-z*/,#-]+( [0-9A-Za-z*/,#-]+){4}$"
DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"


class ResourceModel(BaseModel):
    """camelCase outside, snake_case inside, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class MarketSpec(ResourceModel):
    """What is traded, where, in bars of which length, and how much of its past is learnt from."""

    exchange: Annotated[
        Literal["binance"], Field(description="The exchange, as ccxt names it.")
    ] = "binance"
    symbol: Annotated[
        str,
        Field(
            pattern=SYMBOL_PATTERN, max_length=25, description="BASE/QUOTE, for example BTC/USDT."
        ),
    ]
    timeframe: Annotated[Timeframe, Field(description="The length of one bar.")] = "1h"
    history: Annotated[
        str,
        Field(
            pattern=HISTORY_PATTERN,
            max_length=5,
            description="How far back to train: 5y, 26w, 300d.",
        ),
    ] = "5y"

    @property
    def market(self) -> Market:
        return Market(self.exchange, self.symbol, self.timeframe)

    @property
    def history_days(self) -> int:
        return history_milliseconds(self.history) // MILLISECONDS["d"]

    @property
    def history_bars(self) -> int:
        return history_milliseconds(self.history) // timeframe_milliseconds(self.timeframe)


class ScheduleSpec(ResourceModel):
    """When to train, as a CronJob would understand it."""

    cron: Annotated[
        str,
        Field(
            pattern=CRON_PATTERN,
            max_length=100,
            description="Five cron fields: minute, hour, day of month, month, day of week.",
        ),
    ] = "0 3 * * 0"
    time_zone: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
            max_length=64,
            description="The IANA time zone in which the cron fields are read.",
        ),
    ] = "Etc/UTC"
    starting_deadline_seconds: Annotated[
        int, Field(ge=10, le=604_800, description="How late a training may still start.")
    ] = 3600
    suspend: Annotated[bool, Field(description="No scheduled training while true.")] = False


class PcaSpec(ResourceModel):
    """The reduction of the normalised features."""

    variance: Annotated[
        float, Field(gt=0, le=1, description="The share of variance that PCA keeps.")
    ] = 0.95


class TuningSpec(ResourceModel):
    """How long to search for better hyper-parameters, and within which bounds."""

    trials: Annotated[
        int, Field(ge=0, le=200, description="KerasTuner trials; 0 keeps the best known.")
    ] = 12
    max_minutes: Annotated[
        int, Field(ge=1, le=1440, description="The search ends after so many minutes.")
    ] = 20
    max_filters: Annotated[
        int, Field(ge=16, le=128, description="The most convolution filters to try.")
    ] = 128
    max_lstm_units: Annotated[
        int, Field(ge=16, le=256, description="The most LSTM units to try.")
    ] = 256


class CalibrationSpec(ResourceModel):
    """How the class probabilities are calibrated."""

    epochs: Annotated[int, Field(ge=10, le=20, description="Epochs of temperature scaling.")] = 15


class ResourceAmounts(ResourceModel):
    """Amounts as Kubernetes writes them."""

    cpu: (
        Annotated[
            str, Field(pattern=r"^[0-9]+(\.[0-9]+)?m?$", description="Cores: 2, 0.5 or 500m.")
        ]
        | None
    ) = None
    memory: (
        Annotated[str, Field(pattern=r"^[0-9]+(Ki|Mi|Gi)?$", description="Bytes: 2Gi, 800Mi.")]
        | None
    ) = None


class TrainingResources(ResourceModel):
    """Kubernetes resources of the training Job; what is absent keeps the chart's value."""

    requests: Annotated[ResourceAmounts, Field(description="What a training is promised.")] = (
        ResourceAmounts()
    )
    limits: Annotated[ResourceAmounts, Field(description="What a training may use at most.")] = (
        ResourceAmounts()
    )


class TrainingSpec(ResourceModel):
    """What one training does and how long it may take."""

    horizon_bars: Annotated[
        int, Field(ge=1, le=168, description="How many bars ahead the model forecasts.")
    ] = 24
    window_bars: Annotated[
        int, Field(ge=16, le=512, description="How many bars the model sees at once.")
    ] = 64
    epochs: Annotated[
        int, Field(ge=1, le=500, description="The most epochs of one fit; it may stop earlier.")
    ] = 30
    folds: Annotated[
        int, Field(ge=1, le=12, description="Walk-forward folds that judge the procedure.")
    ] = 3
    seed: Annotated[
        int, Field(ge=0, le=2**31 - 100, description="The first seed of everything random.")
    ] = 7
    repeats: Annotated[
        int,
        Field(
            ge=1, le=9, description="With how many seeds each fold is trained; the median counts."
        ),
    ] = 3
    pca: PcaSpec = PcaSpec()
    tuning: TuningSpec = TuningSpec()
    calibration: CalibrationSpec = CalibrationSpec()
    deadline_seconds: Annotated[
        int, Field(ge=60, le=86_400, description="A run that takes longer is stopped.")
    ] = 7200
    retrain_on_drift: Annotated[
        bool,
        Field(description="Train when the bot reports that the artifact in service has drifted."),
    ] = True
    drift_interval_hours: Annotated[
        int,
        Field(
            ge=0,
            le=8760,
            description="Drift starts a training so long after the last one ended, or later.",
        ),
    ] = 24
    resources: TrainingResources = TrainingResources()


class WhenInconclusive(StrEnum):
    """What becomes of a challenger that is neither better nor worse than the champion."""

    PROMOTE = "Promote"
    HOLD = "Hold"
    REJECT = "Reject"


class PromotionSpec(ResourceModel):
    """What becomes of a new artifact that may be served."""

    when_inconclusive: Annotated[
        WhenInconclusive,
        Field(
            description="A challenger that is neither better nor worse replaces the one in "
            "service (Promote), waits for a person (Hold) or is dropped (Reject)."
        ),
    ] = WhenInconclusive.PROMOTE


class ServingSpec(ResourceModel):
    """Which Deployment serves the model and how a new artifact reaches it."""

    deployment: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            max_length=63,
            description="The API Deployment that serves this model.",
        ),
    ] = "tradinglab-api"
    rollout_deadline_seconds: Annotated[
        int,
        Field(
            ge=10,
            le=3600,
            description="A rollout that takes longer goes back to the previous artifact.",
        ),
    ] = 300
    pinned_digest: (
        Annotated[str, Field(pattern=DIGEST_PATTERN, description="Serve exactly this artifact.")]
        | None
    ) = None


class StorageSpec(ResourceModel):
    """What is kept on the shared volume."""

    keep: Annotated[int, Field(ge=2, le=100, description="How many artifacts to keep.")] = 5


class TradingModelSpec(ResourceModel):
    """Everything has a default but the market."""

    market: MarketSpec
    schedule: ScheduleSpec = ScheduleSpec()
    training: TrainingSpec = TrainingSpec()
    promotion: PromotionSpec = PromotionSpec()
    serving: ServingSpec = ServingSpec()
    storage: StorageSpec = StorageSpec()
    retry_token: Annotated[str, Field(max_length=64, description="Change it to train now.")] = ""

    @model_validator(mode="after")
    def _fields_fit_each_other(self) -> "TradingModelSpec":
        if broken := broken_rules(self):
            raise ValueError("; ".join(broken))
        return self
