"""A forecast is only acted on with the facts of the artifact that made it."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engine.situations import DIGEST, NOW, facts, forecast

from tradinglab.domain.forecast import Forecast, ModelFacts
from tradinglab.errors import ConfigurationError, ForecastUnavailable, InputError
from tradinglab_bot.forecasts import Forecasts

OTHER = "sha256:" + "b" * 64
SNAPSHOTS = np.zeros((64, 12))


@dataclass
class ServedModels:
    """An API whose served model may change; `down` makes it unreachable."""

    model_facts: ModelFacts = field(default_factory=lambda: facts().model)
    down: bool = False
    asked: int = 0

    async def model(self) -> ModelFacts:
        return self.model_facts

    async def forecast(
        self, snapshots: NDArray[np.float64], bar_open_time: int, expected_digest: str | None
    ) -> Forecast:
        self.asked += 1
        if self.down:
            raise ForecastUnavailable("connection refused")
        if len(snapshots) != self.model_facts.lookback_bars:
            raise InputError(f"snapshots has {len(snapshots)} rows")
        return forecast(digest=self.model_facts.digest)

    def change(self, **changes: object) -> None:
        self.model_facts = self.model_facts.model_copy(update=changes)


async def test_a_change_of_the_artifact_is_followed_by_its_facts() -> None:
    served = ServedModels()
    forecasts = Forecasts(served, patience_seconds=1)
    await forecasts.wait_for_model()
    served.change(digest=OTHER, version="v2")
    found = await forecasts.forecast(SNAPSHOTS, NOW)
    assert found is not None
    assert found.digest == OTHER == forecasts.model.digest
    assert forecasts.model.version == "v2"


async def test_no_forecast_within_the_time_is_none_with_a_reason() -> None:
    served = ServedModels(down=True)
    forecasts = Forecasts(served, patience_seconds=0.3)
    await forecasts.wait_for_model()
    assert await forecasts.forecast(SNAPSHOTS, NOW) is None
    assert served.asked >= 2
    assert forecasts.why_none == "connection refused"
    assert forecasts.model.digest == DIGEST


async def test_a_model_of_another_market_ends_the_bot() -> None:
    served = ServedModels()
    forecasts = Forecasts(served, patience_seconds=1)
    await forecasts.wait_for_model()
    served.change(digest=OTHER, symbol="ETH/USDT")
    with pytest.raises(ConfigurationError, match="ETH/USDT, expected BTC/USDT"):
        await forecasts.forecast(SNAPSHOTS, NOW)


async def test_a_model_that_wants_more_bars_than_are_ready_gives_no_forecast() -> None:
    served = ServedModels()
    forecasts = Forecasts(served, patience_seconds=0.1)
    served.change(lookback_bars=128)
    await forecasts.wait_for_model()
    assert await forecasts.forecast(SNAPSHOTS, NOW) is None
    assert "128" in forecasts.why_none


async def test_a_model_that_wants_other_input_is_noticed_and_so_is_the_way_back() -> None:
    served = ServedModels()
    forecasts = Forecasts(served, patience_seconds=1)
    await forecasts.wait_for_model()
    served.change(digest=OTHER, lookback_bars=128)
    assert await forecasts.forecast(SNAPSHOTS, NOW) is None
    assert forecasts.model.lookback_bars == 128
    served.change(digest=DIGEST, lookback_bars=64)
    assert await forecasts.forecast(SNAPSHOTS, NOW) is not None
