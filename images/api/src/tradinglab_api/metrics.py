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

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def forecast_given(self, count: int = 1) -> None:
        self._forecasts.inc(count)

    def serving(self, facts: ModelFacts) -> None:
        self._artifact.labels(
            facts.digest, facts.version, facts.symbol, facts.timeframe, facts.verdict.value
        ).set(1)

    def exposition(self, ready: bool) -> bytes:
        self._ready.set(ready)
        return generate_latest(self._registry)
