"""confirm-live does not wait for ever for an API that serves nothing."""

import asyncio
from pathlib import Path

import pytest
from tests.bot.test_settings import GOOD

from tradinglab.errors import ConfigurationError
from tradinglab_bot import live_commands
from tradinglab_bot.live_commands import confirm_live
from tradinglab_bot.settings import read_settings


@pytest.mark.parametrize(
    ("symbol", "named"), [(None, "--symbol"), ("BTCUSDT", "expected one such as BTC/USDT")]
)
async def test_without_a_model_or_with_a_wrong_name_it_ends_and_says_what_to_do(
    symbol: str | None, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_commands, "MODEL_SECONDS", 0.3)
    nobody = {"TRADINGLAB_API_URL": "http://127.0.0.1:9"}
    settings = read_settings({**GOOD, **nobody, "TRADINGLAB_LEDGER": str(tmp_path / "ledger.db")})
    with pytest.raises(ConfigurationError, match=named):
        await asyncio.wait_for(confirm_live(settings, "1", "a-person", symbol, lambda: 0), 10)
