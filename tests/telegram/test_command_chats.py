"""Which chats may command, by the bot's settings."""

import pytest

from tradinglab.errors import ConfigurationError
from tradinglab_bot.settings import read_settings

NEEDED = {
    "TRADINGLAB_API_URL": "http://api",
    "TRADINGLAB_LEDGER": "/ledger.db",
    "TRADINGLAB_EXCHANGE_KEY": "k",
    "TRADINGLAB_EXCHANGE_SECRET": "s",
    "TRADINGLAB_EXCHANGE_REST_URL": "http://exchange",
    "TRADINGLAB_EXCHANGE_STREAM_URL": "ws://exchange",
    "TRADINGLAB_TELEGRAM_TOKEN": "1:t",
}


@pytest.mark.parametrize(
    ("chat", "listed", "found"),
    [
        ("4242", None, {"4242"}),
        ("-1007", None, {"-1007"}),
        ("@channel", None, set()),
        ("@channel", "7,-8", {"7", "-8"}),
        ("4242", "7", {"7"}),
    ],
)
def test_the_chat_of_the_alerts_commands_unless_others_are_listed(chat, listed, found):
    more = {} if listed is None else {"TRADINGLAB_TELEGRAM_COMMAND_CHATS": listed}
    settings = read_settings({**NEEDED, "TRADINGLAB_TELEGRAM_CHAT": chat, **more})
    assert settings.command_chats == found


@pytest.mark.parametrize("listed", ["@somebody", "1;2", "*", "1,"])
def test_what_is_no_list_of_numbers_is_refused(listed):
    with pytest.raises(ConfigurationError, match="TELEGRAM_COMMAND_CHATS"):
        read_settings(
            {
                **NEEDED,
                "TRADINGLAB_TELEGRAM_CHAT": "1",
                "TRADINGLAB_TELEGRAM_COMMAND_CHATS": listed,
            }
        )
