"""Which model is served, and its forecast for each bar. Used by the trader.

A forecast is only acted on together with the facts of the very artifact that made it: when the
API's digest changes, the facts are read again first.
"""

import asyncio
import logging

import numpy as np
from numpy.typing import NDArray

from tradinglab.domain.forecast import Forecast, ModelFacts
from tradinglab.errors import ConfigurationError, ForecastUnavailable, InputError
from tradinglab.logs import fields
from tradinglab.ports.forecaster import Forecaster

log = logging.getLogger(__name__)

ASK_AGAIN_SECONDS = 0.25
WAIT_SECONDS = 1.0


class Forecasts:
    """`patience_seconds` bounds the wait for one bar's forecast."""

    def __init__(self, forecaster: Forecaster, patience_seconds: float) -> None:
        self._forecaster = forecaster
        self._patience_seconds = patience_seconds
        self._model: ModelFacts | None = None
        self._available: bool | None = None
        self.why_none = ""

    @property
    def model(self) -> ModelFacts:
        if self._model is None:
            raise ForecastUnavailable("no model is known yet")
        return self._model

    async def wait_for_model(self) -> ModelFacts:
        """Returns once the API serves one; says so once, and once more when it does."""
        while True:
            try:
                return await self._read_model()
            except ForecastUnavailable as error:
                if self._available is not False:
                    log.info("waiting for the API to serve a model", extra=fields(why=str(error)))
                self._available = False
                await asyncio.sleep(WAIT_SECONDS)

    async def _read_model(self) -> ModelFacts:
        found = await self._forecaster.model()
        known = self._model
        if known is not None:
            for name in ("exchange", "symbol", "timeframe"):
                before, after = getattr(known, name), getattr(found, name)
                if before != after:
                    raise ConfigurationError(
                        f"the API now serves a model for {name} {after}, expected {before}: this "
                        "bot trades one market; start another for the other"
                    )
        if known is None or known.digest != found.digest:
            log.info(
                "model served",
                extra=fields(
                    version=found.version,
                    digest=found.digest,
                    market=f"{found.symbol} {found.timeframe}",
                    horizon_bars=found.decision.horizon_bars,
                    verdict=found.verdict.value,
                    verdict_reason=found.verdict_reason,
                ),
            )
        self._model = found
        return found

    async def forecast(self, snapshots: NDArray[np.float64], bar_open_time: int) -> Forecast | None:
        """None when there was none within the time, or when the model wants another number of
        snapshots: `model` is the one served now then. `why_none` says why."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                while await self._takes(len(snapshots)):
                    forecast = await self._ask(snapshots, bar_open_time)
                    if forecast is not None:
                        self._note(available=True)
                        return forecast
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
        except TimeoutError:
            pass
        self._note(available=False)
        return None

    async def _takes(self, count: int) -> bool:
        """The facts known may be older than the model served, so they do not settle it."""
        if count != self.model.lookback_bars:
            await self._reread()
        if count == self.model.lookback_bars:
            return True
        self.why_none = f"the model wants {self.model.lookback_bars} bars, {count} are ready"
        return False

    async def _ask(self, snapshots: NDArray[np.float64], bar_open_time: int) -> Forecast | None:
        try:
            forecast = await self._forecaster.forecast(snapshots, bar_open_time, None)
            if forecast.digest == self.model.digest:
                return forecast
            self.why_none = "the API has just changed its model"
            await self._read_model()
        except (ForecastUnavailable, InputError) as error:
            if isinstance(error, ConfigurationError):
                raise
            self.why_none = str(error)
            if isinstance(error, InputError):
                await self._reread()
        return None

    async def _reread(self) -> None:
        """The API may have refused the input because its model changed."""
        try:
            await self._read_model()
        except ForecastUnavailable as error:
            self.why_none = str(error)

    def _note(self, available: bool) -> None:
        if available != self._available:
            if available:
                log.info("the API forecasts")
            else:
                log.warning("no forecast from the API", extra=fields(why=self.why_none))
        self._available = available
