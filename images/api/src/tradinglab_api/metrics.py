"""What Prometheus may know of this process. Written by the routes, read at /metrics."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from tradinglab.domain.forecast import ModelFacts

SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.5, 2.0)


class Metrics:
    """One registry per application: importing has no effect, tests do not share counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "tradinglab_api_requests",
            "Requests answered",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tradinglab_api_request_duration_seconds",
            "Time in the application",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._forecasts = Counter(
            "tradinglab_api_forecasts", "Forecasts given", registry=self._registry
        )
        self._artifact = Gauge(
            "tradinglab_api_artifact_info",
            "1 for the artifact in service",
            ("digest", "version", "symbol", "timeframe", "verdict"),
            registry=self._registry,
        )
        self._ready = Gauge(
            "tradinglab_api_ready", "1 while forecasts are given", registry=self._registry
        )

        self._streams = Gauge("tradinglab_api_streams", "Streams held", registry=self._registry)
        self._evicted = Gauge(
            "tradinglab_api_streams_evicted",
            "Streams that made room for others since the start",
            registry=self._registry,
        )
        # finding a labelled child costs as much as counting
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """`route`: of a small, fixed set; never what a client wrote."""
        children = self._children.get((route, status))
        if children is None:
            children = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._children[route, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def forecast_given(self, count: int = 1) -> None:
        self._forecasts.inc(count)

    def serving(self, facts: ModelFacts) -> None:
        self._artifact.labels(
            facts.digest, facts.version, facts.symbol, facts.timeframe, facts.verdict.value
        ).set(1)

    def exposition(self, ready: bool, streams: int, evicted: int) -> bytes:
        self._ready.set(ready)
        self._streams.set(streams)
        self._evicted.set(evicted)
        return generate_latest(self._registry)
