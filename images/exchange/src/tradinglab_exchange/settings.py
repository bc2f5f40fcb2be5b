"""Settings of the exchange program, read from the environment by its entry point."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from tradinglab.logs import LogFormat
from tradinglab_exchange.candles import INTERVAL_MS
from tradinglab_exchange.instrument import Instrument


class Source(StrEnum):
    """Where the market's bars come from."""

    SEEDED = "seeded"
    BARS = "bars"
    MIRROR = "mirror"


class Settings(BaseModel):
    """Each field is the environment variable TRADINGLAB_<NAME>."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    listen: str = Field(
        "127.0.0.1:8090",
        pattern=r"^.+:\d{1,5}$",
        description="host:port for REST and WebSocket; port 0 takes a free one",
    )
    source: Source = Field(Source.SEEDED, description="seeded, bars or mirror")
    symbol: str = Field("BTC/USDT", pattern=r"^[A-Z0-9]{2,10}/[A-Z0-9]{2,10}$", description="pair")
    timeframe: str = Field("1h", description="length of a bar, as in the klines' interval")
    tick_size: Decimal = Field(Decimal("0.01"), gt=0, description="step of prices")
    step_size: Decimal = Field(Decimal("0.00001"), gt=0, description="step of quantities")
    min_notional: Decimal = Field(Decimal(5), ge=0, description="least worth of an order")
    max_market_quantity: Decimal = Field(
        Decimal(120), gt=0, description="most that an order at the market may trade"
    )
    price_multiplier_up: Decimal = Field(
        Decimal(5), gt=1, description="limit prices reach up to this many times the last price"
    )
    price_multiplier_down: Decimal = Field(
        Decimal("0.2"), ge=0, lt=1, description="and down to this many times"
    )
    seed: int = Field(7, ge=0, description="seed of the generated market")
    bars: Path | None = Field(None, description="CSV or CSV.GZ to replay (source bars)")
    upstream_rest_url: str | None = Field(
        None, pattern=r"^https?://", description="base URL with /api/v3 below it (source mirror)"
    )
    upstream_stream_url: str | None = Field(
        None, pattern=r"^wss?://", description="base URL with /ws below it (source mirror)"
    )
    history_bars: int | None = Field(
        None,
        ge=1,
        description="bars past at the start; seeded: 17520, bars: all but live_bars, or half",
    )
    live_bars: int = Field(0, ge=0, description="bars to play; 0: no end, or all that are left")
    bars_per_second: float = Field(
        4.0, ge=0, le=10_000, description="speed in bars a second; 0: real time"
    )
    hold_until_subscribed: bool = Field(
        True, description="the market stands still until somebody subscribes to its klines"
    )
    api_key: SecretStr = Field(SecretStr("demo"), description="key of the one account")
    api_secret: SecretStr = Field(SecretStr("demo-secret"), description="its signing secret")
    key_may_trade: bool = Field(True, description="without it orders are refused with -2015")
    key_may_withdraw: bool = Field(False, description="what apiRestrictions says of the key")
    key_ip_restricted: bool = Field(False, description="what apiRestrictions says of the key")
    quote_balance: Decimal = Field(Decimal(10_000), ge=0, description="money at the start")
    maker_fee: Decimal = Field(Decimal("0.001"), ge=0, lt=1, description="fraction of a fill")
    taker_fee: Decimal = Field(Decimal("0.001"), ge=0, lt=1, description="fraction of a fill")
    pay_fees_in_bnb: bool = Field(
        False, description="fees are taken from the BNB balance, at a discount, while it lasts"
    )
    bnb_balance: Decimal = Field(Decimal(0), ge=0, description="BNB at the start")
    bnb_price: Decimal = Field(Decimal(600), gt=0, description="of one BNB in quote currency")
    bnb_discount: Decimal = Field(
        Decimal("0.25"), ge=0, lt=1, description="part of a fee that is saved by paying in BNB"
    )
    half_spread_bps: Decimal = Field(
        Decimal(1), ge=0, lt=1000, description="distance of bid and ask from the last price"
    )
    slippage_bps: Decimal = Field(
        Decimal(0), ge=0, lt=1000, description="how far beyond bid and ask market orders fill"
    )
    liquidity_fraction: Decimal | None = Field(
        None, gt=0, description="part of a tick's volume that limit orders find; none: any quantity"
    )
    request_weight_limit: int = Field(6000, ge=1, description="request weight a minute and address")
    order_limit: int = Field(100, ge=1, description="new orders in 10 seconds")
    session_seconds: float = Field(
        86_400.0, gt=0, description="a WebSocket is closed after this long"
    )
    ping_seconds: float = Field(20.0, gt=0, description="a WebSocket is pinged that often")
    state: Path | None = Field(
        None, description="SQLite file of account, orders and market position; none: memory"
    )
    stepped: bool = Field(False, description="bars are played only when asked for on POST /_market")
    faults: bool = Field(False, description="accept fault injection on POST /_faults")
    log_format: LogFormat = Field("text", description="text or json")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="threshold")

    @field_validator("timeframe")
    @classmethod
    def _known(cls, timeframe: str) -> str:
        if timeframe not in INTERVAL_MS:
            raise ValueError(f"expected one of {', '.join(INTERVAL_MS)}")
        return timeframe

    @field_validator("bars", "upstream_rest_url", "upstream_stream_url")
    @classmethod
    def _present(cls, value: object, info: ValidationInfo) -> object:
        needed_by = Source.BARS if info.field_name == "bars" else Source.MIRROR
        if value is None and info.data.get("source") is needed_by:
            raise ValueError(f"needed when the source is {needed_by.value}")
        return value

    @field_validator("stepped")
    @classmethod
    def _played(cls, stepped: bool, info: ValidationInfo) -> bool:
        if stepped and info.data.get("source") is Source.MIRROR:
            raise ValueError("a mirrored market cannot be stepped; expected seeded or bars")
        return stepped

    @property
    def instrument(self) -> Instrument:
        base, _, quote = self.symbol.partition("/")
        return Instrument(
            base,
            quote,
            tick_size=self.tick_size,
            step_size=self.step_size,
            min_notional=self.min_notional,
            max_market_quantity=self.max_market_quantity,
            price_multiplier_up=self.price_multiplier_up,
            price_multiplier_down=self.price_multiplier_down,
        )

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])
