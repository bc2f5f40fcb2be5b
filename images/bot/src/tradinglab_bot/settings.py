"""The bot's settings from TRADINGLAB_* variables: addresses, keys and the trading policy.

Called by the entry point; passed to nothing else whole.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from tradinglab.adapters.binance.addresses import Addresses, addresses, is_internal
from tradinglab.config import PREFIX, load_settings
from tradinglab.engine.policy import Policy
from tradinglab.errors import ConfigurationError
from tradinglab.logs import LogFormat
from tradinglab_bot.limits import HardLimits

ADDRESS = re.compile(r"^.+:[0-9]{1,5}$")
CHAT_NUMBER = re.compile(r"^-?[0-9]+$")


class BotSettings(Policy):
    """Every field of the policy is a setting too, under its own name."""

    api_url: Annotated[str, Field(pattern=r"^https?://", description="of the inference API")]
    api_key: Annotated[
        SecretStr | None, Field(description="bearer key of the inference API, if it wants one")
    ] = None
    ledger: Annotated[Path, Field(description="SQLite file on a local disk; created if absent")]
    exchange_key: Annotated[SecretStr, Field(description="API key of the exchange account")]
    exchange_secret: Annotated[SecretStr, Field(description="its secret")]
    exchange_rest_url: Annotated[
        str | None,
        Field(pattern=r"^https?://", description="of a simulator; absent: the real exchange"),
    ] = None
    exchange_stream_url: Annotated[
        str | None,
        Field(pattern=r"^wss?://", description="of the simulator's streams, beside the REST URL"),
    ] = None
    exchange_testnet: Annotated[
        bool, Field(description="trade on the exchange's own test network, without real money")
    ] = False
    live_enabled: Annotated[
        bool,
        Field(
            description="trade with real money: demands a confirmation in the ledger, hard limits "
            "and a key that cannot withdraw"
        ),
    ] = False
    limit_order_quote: Annotated[
        Decimal,
        Field(ge=0, description="no order buys for more, whatever the engine says; 0 = any"),
    ] = Decimal(0)
    limit_day_quote: Annotated[
        Decimal, Field(ge=0, description="no more is bought in one UTC day; 0 = any")
    ] = Decimal(0)
    limit_position_quote: Annotated[
        Decimal, Field(ge=0, description="no position is made larger; 0 = any")
    ] = Decimal(0)
    kill_file: Annotated[
        Path | None, Field(description="while it exists nothing is bought; it halts trading")
    ] = None
    kill_annotation_file: Annotated[
        Path | None,
        Field(description="the same while a word stands in it: an annotation that is mounted"),
    ] = None
    telegram_token: Annotated[
        SecretStr | None, Field(description="of the Telegram bot; absent: alerts are only logged")
    ] = None
    telegram_chat: Annotated[str | None, Field(description="chat that gets the alerts")] = None
    telegram_command_chats: Annotated[
        str | None,
        Field(
            pattern=r"^-?[0-9]+(,-?[0-9]+)*$",
            description="numbers of the chats whose commands are obeyed; absent: TELEGRAM_CHAT",
        ),
    ] = None
    telegram_url: Annotated[
        str | None, Field(pattern=r"^https?://", description="Bot API; absent: Telegram's own")
    ] = None
    training_request_file: Annotated[
        Path | None,
        Field(description="written when drift asks for a training, for the embedded operator"),
    ] = None
    training_request_model: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z0-9][-a-z0-9]*/[a-z0-9][-a-z0-9]*$",
            description="<namespace>/<name> of the TradingModel that is annotated then instead",
        ),
    ] = None
    kubernetes_url: Annotated[
        str, Field(pattern=r"^https://", description="of the cluster's API server")
    ] = "https://kubernetes.default.svc"
    kubernetes_account: Annotated[
        Path, Field(description="folder of the service account's token and ca.crt")
    ] = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    listen: Annotated[
        str | None, Field(description="address:port of /healthz and /readyz; absent: none")
    ] = None
    max_bars: Annotated[
        int, Field(ge=0, description="exit 0 after so many decided bars; 0 = never")
    ] = 0
    forecast_seconds: Annotated[
        float, Field(gt=0, le=600, description="how long to ask for one bar's forecast")
    ] = 5.0
    silence_seconds: Annotated[
        float, Field(gt=0, description="without a frame for so long the stream is reconnected")
    ] = 60.0
    watch_seconds: Annotated[
        float, Field(gt=0, description="between looks at open orders, beside those at each bar")
    ] = 5.0
    log_file: Annotated[
        Path | None, Field(description="the log goes here too, rotated at 20 MB, five kept")
    ] = None
    log_format: Annotated[LogFormat, Field(description="text or json")] = "text"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="threshold")
    ] = "INFO"

    @field_validator("listen")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not ADDRESS.match(value):
            raise ValueError("expected address:port such as 127.0.0.1:8070")
        return value

    @property
    def hard_limits(self) -> HardLimits:
        return HardLimits(
            order_quote=self.limit_order_quote,
            day_quote=self.limit_day_quote,
            position_quote=self.limit_position_quote,
        )

    @property
    def addresses(self) -> Addresses:
        return addresses(self.exchange_rest_url, self.exchange_stream_url, self.exchange_testnet)

    @property
    def is_real_exchange(self) -> bool:
        """Decided by the hosts: an address that may be public can only be real."""
        if self.exchange_testnet:
            return False
        where = (self.exchange_rest_url, self.exchange_stream_url)
        return not all(url is not None and is_internal(url) for url in where)

    @property
    def command_chats(self) -> frozenset[str]:
        """Commands name their chat by its number, so a channel's name lists none."""
        listed = (self.telegram_command_chats or self.telegram_chat or "").split(",")
        return frozenset(each for each in listed if CHAT_NUMBER.match(each))

    @property
    def policy(self) -> Policy:
        return Policy(**{name: getattr(self, name) for name in Policy.model_fields})


def read_settings(environ: Mapping[str, str]) -> BotSettings:
    """Raises ConfigurationError for a field that is wrong or does not go with the others."""
    settings = load_settings(BotSettings, environ)
    if (settings.exchange_rest_url is None) != (settings.exchange_stream_url is None):
        raise ConfigurationError(
            f"{PREFIX}EXCHANGE_REST_URL and {PREFIX}EXCHANGE_STREAM_URL: found one of them, "
            "expected both or none"
        )
    if settings.exchange_testnet and settings.exchange_rest_url is not None:
        raise ConfigurationError(
            f"{PREFIX}EXCHANGE_TESTNET and {PREFIX}EXCHANGE_REST_URL: found both, expected one: "
            "the test network has its own address"
        )
    if settings.is_real_exchange and not settings.live_enabled:
        raise ConfigurationError(
            f"{PREFIX}LIVE_ENABLED is false with {PREFIX}EXCHANGE_REST_URL "
            f"{settings.exchange_rest_url or 'absent'}, which is the real exchange; expected true "
            f"to trade with real money, or {PREFIX}EXCHANGE_TESTNET alone, or a simulator on this "
            "machine or in this cluster: a service's name or a private address in both URLs"
        )
    demands = settings.live_enabled or settings.is_real_exchange or settings.exchange_testnet
    if demands and not settings.require_tradeable:
        raise ConfigurationError(
            f"{PREFIX}REQUIRE_TRADEABLE is false with {PREFIX}LIVE_ENABLED or "
            f"{PREFIX}EXCHANGE_TESTNET; both demand true: no order on a model that is not proven"
        )
    if settings.training_request_file is not None and settings.training_request_model is not None:
        raise ConfigurationError(
            f"{PREFIX}TRAINING_REQUEST_FILE and {PREFIX}TRAINING_REQUEST_MODEL: found both, "
            "expected one of them or none"
        )
    if settings.telegram_token is not None and not settings.telegram_chat:
        raise ConfigurationError(f"{PREFIX}TELEGRAM_CHAT is not set, TELEGRAM_TOKEN needs it")
    return settings
