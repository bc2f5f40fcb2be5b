"""Situations for the engine's tests: one market, one model, states and bars to vary."""

from decimal import Decimal
from typing import Any

from tradinglab.domain.bar import Bar
from tradinglab.domain.filters import QuantityRange, SymbolRules
from tradinglab.domain.forecast import DecisionFacts, Forecast, ModelFacts, Verdict
from tradinglab.engine.decision import StepFacts
from tradinglab.engine.indicators import Indicators
from tradinglab.engine.state import EngineState, Position, RestingEntry

HOUR = 3_600_000
NOW = 1_700_000_000_000 // HOUR * HOUR
DIGEST = "sha256:" + "a" * 64
UP = (0.7, 0.2, 0.05, 0.05)
EVEN = (0.25, 0.25, 0.25, 0.25)
DOWN = (0.02, 0.03, 0.25, 0.7)


def rules(**changes: Any) -> SymbolRules:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "tick": Decimal("0.01"),
        "minimum_price": Decimal("0.01"),
        "maximum_price": Decimal(1000000),
        "lot": QuantityRange(Decimal("0.00001"), Decimal(9000), Decimal("0.00001")),
        "market_lot": None,
        "minimum_notional": Decimal(5),
        "maximum_notional": None,
        "band": None,
        "trading": True,
    }
    return SymbolRules(**(values | changes))


def decision_facts(**changes: Any) -> DecisionFacts:
    values: dict[str, Any] = {
        "horizon_bars": 24,
        "class_mean_returns": (1.5, 0.4, -0.4, -1.5),
        "volatility_p10": 0.003,
        "volatility_p50": 0.005,
        "volatility_p90": 0.012,
        "edge_standard_error": 0.2,
    }
    return DecisionFacts(**(values | changes))


def facts(
    verdict: Verdict = Verdict.UNPROVEN,
    behind: bool = False,
    symbol_rules: SymbolRules | None = None,
    **changes: Any,
) -> StepFacts:
    model = ModelFacts(
        digest=DIGEST,
        version="v1",
        exchange="binance",
        symbol="BTC/USDT",
        timeframe="1h",
        window_bars=64,
        lookback_bars=64,
        trained_at="2023-11-14T00:00:00Z",
        data_end=NOW - 24 * HOUR,
        verdict=verdict,
        verdict_reason="too few bars to tell",
        decision=decision_facts(**changes),
    )
    return StepFacts(model, symbol_rules or rules(), 0.001, behind)


def bar(close: float = 30_000.0, bars_on: int = 0, **changes: Any) -> Bar:
    values: dict[str, Any] = {
        "open_time": NOW + bars_on * HOUR,
        "open": close,
        "high": close * 1.004,
        "low": close * 0.996,
        "close": close,
        "volume": 10.0,
    }
    return Bar(**(values | changes))


def forecast(probabilities: tuple[float, ...] = UP, bars_on: int = 0, **changes: Any) -> Forecast:
    values: dict[str, Any] = {
        "digest": DIGEST,
        "bar_open_time": NOW + bars_on * HOUR,
        "expires_at": NOW + (bars_on + 2) * HOUR,
        "probabilities": probabilities,
        "momentum": 0.3,
        "volatility_per_bar": 0.005,
    }
    return Forecast(**(values | changes))


def flat(**changes: Any) -> EngineState:
    values: dict[str, Any] = {
        "quote": Decimal(10_000),
        "peak_equity": 10_000.0,
        "indicators": Indicators(
            last_open_time=NOW - HOUR,
            last_close=30_000.0,
            average_true_range=200.0,
            bars_seen=500,
        ),
    }
    return EngineState(**(values | changes))


def holding(quantity: str = "0.05", **changes: Any) -> EngineState:
    held = Decimal(quantity)
    position = Position(
        opened_bar=NOW - 3 * HOUR,
        quantity=held,
        bought_quantity=held,
        cost_quote=held * 30_000,
        stop_price=Decimal(29_600),
        take_profit_price=Decimal(30_800),
        best_close=30_000.0,
    )
    return flat(quote=Decimal(10_000) - held * 30_000, position=position, **changes)


def resting() -> RestingEntry:
    return RestingEntry(
        bar_open_time=NOW - HOUR,
        quantity=Decimal("0.05"),
        limit_price=Decimal(29_900),
        stop_price=Decimal(29_500),
        take_profit_price=Decimal(30_700),
    )
