"""Who forecasts. Fulfilled by the inference client, used by the bot."""

from typing import TYPE_CHECKING, Protocol

from tradinglab.domain.forecast import Forecast, ModelFacts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Forecaster(Protocol):
    """Both raise ForecastUnavailable while there is no answer to be had."""

    async def model(self) -> ModelFacts: ...

    async def forecast(
        self,
        snapshots: "NDArray[np.float64]",
        bar_open_time: int,
        expected_digest: str | None,
    ) -> Forecast: ...
