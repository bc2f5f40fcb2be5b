"""A timed ban of the exchange: not one request is sent before its end."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.integration.programs import KEY, SECRET, exchange
from tests.integration.test_bot_faults import inject

from tradinglab.adapters.binance.client import Caller, make_client
from tradinglab.errors import ExchangeUnavailable

pytestmark = pytest.mark.timeout(60)
BAN_SECONDS = 2


@pytest.mark.parametrize("fault", ["banned_requests", "too_many_requests"])
async def test_a_ban_is_waited_for_without_a_request(fault: str, tmp_path: Path) -> None:
    """Each refused request uses up one of the two that the exchange will refuse."""
    with exchange(tmp_path, SEED=7, HISTORY_BARS=100, FAULTS="true") as address:
        caller = Caller(make_client(f"http://{address}", KEY, SECRET))
        try:
            await caller.synchronise()
            await asyncio.to_thread(inject, address, **{fault: 2}, retry_after_seconds=BAN_SECONDS)
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(ExchangeUnavailable, match=r"DDoSProtection|-1003"):
                    await caller("privateGetAccount", {})
                while True:
                    with pytest.raises(ExchangeUnavailable, match="not sent"):
                        await caller("privateGetAccount", {})
                    if time.monotonic() - began > BAN_SECONDS - 0.3:
                        break
                    await asyncio.sleep(0.1)
                await asyncio.sleep(began + BAN_SECONDS + 0.2 - time.monotonic())
            assert (await caller("privateGetAccount", {}))["balances"]
        finally:
            await caller.close()
