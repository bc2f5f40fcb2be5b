"""The bot's settings: what is refused, and how."""

import pytest

from tradinglab.adapters.kubernetes_request import KubernetesRequest
from tradinglab.adapters.request_file import RequestFile
from tradinglab.errors import ConfigurationError
from tradinglab_bot.bot import training_requests
from tradinglab_bot.settings import read_settings

GOOD = {
    "TRADINGLAB_API_URL": "http://127.0.0.1:8080",
    "TRADINGLAB_LEDGER": "/var/lib/tradinglab/ledger.db",
    "TRADINGLAB_EXCHANGE_KEY": "marker-key",
    "TRADINGLAB_EXCHANGE_SECRET": "marker-secret",
    "TRADINGLAB_EXCHANGE_REST_URL": "http://127.0.0.1:8090",
    "TRADINGLAB_EXCHANGE_STREAM_URL": "ws://127.0.0.1:8090",
}


def test_policy_limits_are_settings_of_their_own() -> None:
    settings = read_settings({**GOOD, "TRADINGLAB_RISK_PER_TRADE_FRACTION": "0.01"})
    assert settings.policy.risk_per_trade_fraction == 0.01


def test_secrets_do_not_show_in_the_settings_text() -> None:
    assert "marker" not in repr(read_settings(GOOD))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"TRADINGLAB_API_URL": ""}, "API_URL"),
        ({"TRADINGLAB_EXCHANGE_STREAM_URL": ""}, "both or none"),
        ({"TRADINGLAB_TELEGRAM_TOKEN": "t"}, "TELEGRAM_CHAT"),
        ({"TRADINGLAB_MAX_EXPOSURE_FRACTION": "3"}, "MAX_EXPOSURE_FRACTION"),
        ({"TRADINGLAB_LISTEN": "8070"}, "LISTEN"),
        ({"TRADINGLAB_TRAINING_REQUEST_MODEL": "btc"}, "TRAINING_REQUEST_MODEL"),
        ({"TRADINGLAB_KUBERNETES_URL": "http://plain"}, "KUBERNETES_URL"),
        (
            {
                "TRADINGLAB_TRAINING_REQUEST_MODEL": "lab/btc",
                "TRADINGLAB_TRAINING_REQUEST_FILE": "/x",
            },
            "one of them or none",
        ),
        ({"TRADINGLAB_MAX_BAR": "3"}, "did you mean TRADINGLAB_MAX_BARS"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read_settings({**GOOD, **changes})


def test_the_real_exchange_demands_an_opt_in_and_a_tradeable_model() -> None:
    real = {
        name: value
        for name, value in GOOD.items()
        if name not in ("TRADINGLAB_EXCHANGE_REST_URL", "TRADINGLAB_EXCHANGE_STREAM_URL")
    }
    with pytest.raises(ConfigurationError, match="LIVE_ENABLED"):
        read_settings(real)
    live = {**real, "TRADINGLAB_LIVE_ENABLED": "true"}
    with pytest.raises(ConfigurationError, match="REQUIRE_TRADEABLE"):
        read_settings(live)
    assert read_settings({**live, "TRADINGLAB_REQUIRE_TRADEABLE": "true"}).require_tradeable


PUBLIC = [
    "https://api.binance.com",
    "https://API.Binance.com.",
    "https://api1.binance.us:443/x",
    "http://127.0.0.1@api.binance.com",
    "https://api.binance.com:443@testnet.binance.vision",
    "https://proxy.example.org",
    "http://58212883",
    "http://8.8.8.8:8090",
]


@pytest.mark.parametrize("url", PUBLIC)
def test_an_address_that_may_be_public_demands_the_opt_in_whichever_setting_names_it(
    url: str,
) -> None:
    stream = url.replace("http", "ws", 1)
    for changes in (
        {"TRADINGLAB_EXCHANGE_REST_URL": url, "TRADINGLAB_EXCHANGE_STREAM_URL": stream},
        {"TRADINGLAB_EXCHANGE_REST_URL": url},
        {"TRADINGLAB_EXCHANGE_STREAM_URL": stream},
    ):
        proven = {"TRADINGLAB_REQUIRE_TRADEABLE": "true"}
        with pytest.raises(ConfigurationError, match="LIVE_ENABLED"):
            read_settings({**GOOD, **proven, **changes})
        live = {**GOOD, **proven, **changes, "TRADINGLAB_LIVE_ENABLED": "true"}
        assert read_settings(live).is_real_exchange


@pytest.mark.parametrize(
    "host",
    [
        "localhost:1",
        "[::1]:8090",
        "10.42.0.7:8090",
        "tradinglab-exchange:8090",
        "exchange.lab.svc:8090",
        "exchange.lab.svc.cluster.local:8090",
    ],
)
def test_an_address_inside_of_machine_or_cluster_is_a_simulator(host: str) -> None:
    changes = {
        "TRADINGLAB_EXCHANGE_REST_URL": f"http://{host}",
        "TRADINGLAB_EXCHANGE_STREAM_URL": f"ws://{host}",
    }
    assert not read_settings({**GOOD, **changes}).is_real_exchange


def test_the_test_network_needs_no_opt_in_and_has_its_own_addresses() -> None:
    testnet = {
        name: value for name, value in GOOD.items() if not name.startswith("TRADINGLAB_EXCHANGE_")
    }
    testnet |= {
        "TRADINGLAB_EXCHANGE_KEY": "key",
        "TRADINGLAB_EXCHANGE_SECRET": "secret",
        "TRADINGLAB_EXCHANGE_TESTNET": "true",
        "TRADINGLAB_REQUIRE_TRADEABLE": "true",
    }
    where = read_settings(testnet).addresses
    assert where.testnet
    assert "testnet" in where.stream
    assert "testnet" in where.websocket_api


def test_by_default_nobody_is_asked_for_a_training() -> None:
    assert training_requests(read_settings(GOOD)) is None


@pytest.mark.parametrize(
    ("setting", "asked"),
    [
        ({"TRADINGLAB_TRAINING_REQUEST_FILE": "/data/request"}, RequestFile),
        ({"TRADINGLAB_TRAINING_REQUEST_MODEL": "lab/btc-usdt"}, KubernetesRequest),
    ],
)
def test_the_one_that_is_named_is_asked(setting: dict[str, str], asked: type) -> None:
    assert isinstance(training_requests(read_settings({**GOOD, **setting})), asked)
