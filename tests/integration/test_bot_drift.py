"""The bot measures drift on its own market and asks for a training, which the operator reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.references import random_reference
from tests.integration.account import rows
from tests.integration.programs import Program, bot, exchange, until_async
from tests.integration.scripted_api import FIRST, SECOND, ScriptedApi

from tradinglab.domain.reference import Reference
from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.training_request import TrainingRequest
from tradinglab_operator.local.home import Home
from tradinglab_operator.manifest_file import NamedSpec

pytestmark = pytest.mark.timeout(120)
LOOKBACK = 784
MARKET = {"SEED": 7, "HISTORY_BARS": 1500, "BARS_PER_SECOND": 8}
BARS = 30


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of an embedded operator that is at rest."""
    spec = TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}})
    home = Home.claim(tmp_path / "data")
    home.apply(NamedSpec("default", "demo", spec))
    return home


def request_in(home: Home) -> TrainingRequest:
    spec = TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}})
    return TrainingRequest.decoded(home.model(NamedSpec("default", "demo", spec)).training_request)


@asynccontextmanager
async def market(
    folder: Path, reference: Reference | None
) -> AsyncIterator[tuple[str, ScriptedApi]]:
    """The exchange's address and the API."""
    with exchange(folder, **MARKET) as address:
        async with ScriptedApi(lookback_bars=LOOKBACK, reference=reference) as api:
            yield address, api


async def ended(folder: Path, address: str, api: ScriptedApi, home: Home) -> Program:
    """A bot that decided BARS bars more."""
    program = bot(
        folder,
        address,
        api.url,
        MAX_BARS=BARS,
        TRAINING_REQUEST_FILE=home.training_request,
    )
    try:
        await until_async(lambda: program.status is not None, f"{BARS} bars")
    finally:
        program.end()
    assert program.status == 0, program.text()
    return program


def said(program: Program, message: str) -> list[dict[str, Any]]:
    return [line for line in program.lines() if line["message"] == message]


async def test_a_market_unlike_the_training_leads_to_one_request_that_the_operator_reads(
    tmp_path: Path, home: Home
) -> None:
    async with market(tmp_path, random_reference()) as (address, api):
        program = await ended(tmp_path, address, api, home)
    request = request_in(home)
    assert request.digest == FIRST
    assert request.reason.startswith("PSI of ")
    ledger = tmp_path / "ledger.db"
    measured = rows(ledger, "SELECT state, digest FROM drift")
    assert len(measured) >= 2
    assert {(row["state"], row["digest"]) for row in measured} == {("drifted", FIRST)}
    assert len(said(program, "asked for a training")) == 1
    (alert,) = rows(ledger, "SELECT text FROM outbox WHERE kind = 'drift'")
    assert "has drifted: PSI of " in alert["text"]


async def test_a_restarted_bot_does_not_ask_again_but_does_for_the_next_artifact(
    tmp_path: Path, home: Home
) -> None:
    async with market(tmp_path, random_reference()) as (address, api):
        for digest, asks in ((FIRST, True), (FIRST, False), (SECOND, True)):
            api.digest = digest
            await ended(tmp_path, address, api, home)
            assert home.training_request.exists() is asks
            home.training_request.unlink(missing_ok=True)


async def test_an_artifact_without_a_reference_is_traded_and_not_watched(
    tmp_path: Path, home: Home
) -> None:
    async with market(tmp_path, None) as (address, api):
        program = await ended(tmp_path, address, api, home)
    assert len(said(program, "no drift watch")) == 1
    assert not home.training_request.exists()
    assert rows(tmp_path / "ledger.db", "SELECT * FROM drift") == []
