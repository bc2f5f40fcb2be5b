"""A stand-in for the inference API whose forecasts a test decides: strong views on schedule.

A trained model rarely wants to trade; order safety needs many trades within seconds.
"""

from collections.abc import Callable

from aiohttp import web
from tests.engine.situations import decision_facts

from tradinglab.domain.forecast import (
    Direction,
    ModelFacts,
    ServedForecast,
    ServedForecasts,
    Verdict,
)
from tradinglab.domain.reference import Reference

HOUR = 3_600_000
BULLISH, BEARISH = (0.85, 0.1, 0.03, 0.02), (0.02, 0.03, 0.15, 0.8)
FIRST = "sha256:" + "1" * 64
SECOND = "sha256:" + "2" * 64


def in_turns(bar_open_time: int) -> tuple[tuple[float, ...], float]:
    """Bullish for five bars, bearish for three: (probabilities, momentum)."""
    return (BULLISH, 1.0) if bar_open_time // HOUR % 8 < 5 else (BEARISH, -2.0)


class ScriptedApi:
    """Serves over HTTP like the real one; `digest` and `view` may change while it runs."""

    def __init__(
        self,
        view: Callable[[int], tuple[tuple[float, ...], float]] = in_turns,
        lookback_bars: int = 64,
        reference: Reference | None = None,
    ) -> None:
        self.view = view
        self.lookback_bars = lookback_bars
        self.reference = reference
        self.digest = FIRST
        self.volatility = 0.006
        self.failing = False
        self.asked: list[int] = []
        self._streams: dict[str, int] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> "ScriptedApi":
        application = web.Application(client_max_size=8 << 20)
        application.router.add_get("/v1/model", self._model)
        application.router.add_put("/v1/streams/{stream}", self._begin)
        application.router.add_post("/v1/streams/{stream}", self._continue)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _model(self, _: web.Request) -> web.Response:
        facts = ModelFacts(
            digest=self.digest,
            version="scripted",
            exchange="binance",
            symbol="BTC/USDT",
            timeframe="1h",
            window_bars=16,
            lookback_bars=self.lookback_bars,
            trained_at="2023-01-01T00:00:00Z",
            data_end=0,
            verdict=Verdict.UNPROVEN,
            verdict_reason="scripted",
            decision=decision_facts(),
            reference=self.reference,
        )
        return web.Response(text=facts.model_dump_json(), content_type="application/json")

    async def _begin(self, request: web.Request) -> web.Response:
        document = await request.json()
        if len(document["snapshots"]) != self.lookback_bars:
            return web.json_response({"detail": "another number of rows"}, status=422)
        return self._forecast(request.match_info["stream"], document["bar_open_time"])

    async def _continue(self, request: web.Request) -> web.Response:
        open_time, stream = (await request.json())["bar_open_time"], request.match_info["stream"]
        if self._streams.get(stream) not in (open_time, open_time - HOUR):
            return web.json_response({"detail": "rows are missing"}, status=409)
        return self._forecast(stream, open_time)

    def _forecast(self, stream: str, open_time: int) -> web.Response:
        if self.failing:
            return web.json_response({"detail": "not now"}, status=503)
        self._streams[stream] = open_time
        self.asked.append(open_time)
        probabilities, momentum = self.view(open_time)
        forecast = ServedForecast(
            digest=self.digest,
            verdict=Verdict.UNPROVEN,
            bar_open_time=open_time,
            data_time=open_time + HOUR,
            expires_at=open_time + 2 * HOUR,
            probabilities=probabilities,
            expected_class=list(Direction)[probabilities.index(max(probabilities))],
            momentum=momentum,
            volatility_per_bar=self.volatility,
            volatility_annualised=self.volatility * 8760**0.5,
        )
        answer = ServedForecasts(forecasts=(forecast,))
        return web.Response(text=answer.model_dump_json(), content_type="application/json")
