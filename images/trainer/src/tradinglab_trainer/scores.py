"""Every figure by which forecasts are judged, with intervals that respect overlapping horizons.

Called by the run for the gate and the report, and by `evaluate` on any bars. Pure.
"""

from dataclasses import dataclass

import numpy as np

from tradinglab.domain.forecast import CLASS_COUNT
from tradinglab.domain.market import MILLISECONDS
from tradinglab.errors import TrainingDiverged
from tradinglab.evaluation.metrics import (
    block_means,
    brier_score,
    calibration_null,
    collapsed,
    direction_gain_needed,
    expected_calibration_error,
    log_losses,
    qlike,
)
from tradinglab.features.columns import FloatArray
from tradinglab_trainer.dataset import IntArray
from tradinglab_trainer.scored import ScoredForecasts

ROUND_TRIP_COST = 0.0025  # two taker fees of 0.1 % and 0.05 % of spread and slippage
POWER_FACTOR = 2.80  # the gate asks for 97.5 %, with 80 % power: z(0.975) + z(0.80)
YEAR_MILLISECONDS = 365.25 * MILLISECONDS["d"]


@dataclass(frozen=True)
class Trades:
    """Long whenever the expected return exceeds the round trip, held for the horizon, one at a
    time. `positions`: indices of the forecasts that were acted on; `returns`: net, simple."""

    positions: IntArray
    returns: FloatArray


def net_trades(forecasts: ScoredForecasts, horizon_bars: int) -> Trades:
    chosen, free_from = [], -1
    wanted = np.flatnonzero(forecasts.expected_returns > ROUND_TRIP_COST)
    for position, row in zip(wanted.tolist(), forecasts.rows[wanted].tolist(), strict=True):
        if row >= free_from:
            chosen.append(position)
            free_from = row + horizon_bars
    positions = np.array(chosen, np.int64)
    return Trades(positions, np.expm1(forecasts.returns[positions]) - ROUND_TRIP_COST)


def measure(
    forecasts: ScoredForecasts, horizon_bars: int, bar_milliseconds: int, seed: int
) -> dict[str, float]:
    """By name; `_low` and `_high` end a 95 % block-bootstrap interval.

    `gain` and `direction_gain` are over the better of the training prior and even odds: where the
    market has turned, the prior alone is easily beaten by knowing nothing.

    Raises TrainingDiverged when a figure is not finite.
    """
    block = 2 * horizon_bars
    metrics = {
        "rows": float(len(forecasts.rows)),
        "effective_observations": len(forecasts.rows) / horizon_bars,
        **_four_classes(forecasts, block, seed),
        **_direction(forecasts, horizon_bars, seed),
        **_calibration(forecasts, horizon_bars, seed),
        **_volatility(forecasts, block, seed),
        **_trading(forecasts, horizon_bars, bar_milliseconds),
    }
    wrong = [name for name, value in metrics.items() if not np.isfinite(value)]
    if wrong:
        raise TrainingDiverged(f"not finite: {', '.join(wrong)}; expected every metric finite")
    return metrics


def _interval(name: str, values: FloatArray, block: int, seed: int) -> dict[str, float]:
    low, high = np.percentile(block_means(values, block, seed), (2.5, 97.5))
    return {name: float(values.mean()), f"{name}_low": float(low), f"{name}_high": float(high)}


def gain_over_nothing(loss: FloatArray, prior: FloatArray, class_count: int) -> FloatArray:
    """Of each row, over the better of the training prior and even odds."""
    even = float(np.log(class_count))
    return (prior if prior.mean() < even else even) - loss


def direction_gains(forecasts: ScoredForecasts) -> FloatArray:
    """Of each row, bullish against bearish alone; only rows that `moved` tell of direction."""
    loss = log_losses(*collapsed(forecasts.probabilities, forecasts.classes))
    prior = log_losses(*collapsed(forecasts.prior, forecasts.classes))
    return gain_over_nothing(loss, prior, 2)


def _four_classes(forecasts: ScoredForecasts, block: int, seed: int) -> dict[str, float]:
    classes = forecasts.classes
    loss, prior, logit = (
        log_losses(each, classes)
        for each in (forecasts.probabilities, forecasts.prior, forecasts.logit)
    )
    truth = np.eye(forecasts.prior.shape[1])[classes]
    excess = (forecasts.probabilities - truth) ** 2 - (forecasts.prior - truth) ** 2
    momentum = np.clip(forecasts.standardised, -4, 4)
    return {
        "log_loss": float(loss.mean()),
        "log_loss_prior": float(prior.mean()),
        "log_loss_logit": float(logit.mean()),
        "log_loss_even": float(np.log(CLASS_COUNT)),
        **_interval("gain", gain_over_nothing(loss, prior, CLASS_COUNT), block, seed),
        **_interval("gain_over_logit", logit - loss, block, seed),
        "brier": brier_score(forecasts.probabilities, classes),
        "brier_prior": brier_score(forecasts.prior, classes),
        **_interval("brier_excess", excess.sum(axis=1), block, seed),
        "accuracy": float((forecasts.probabilities.argmax(axis=1) == classes).mean()),
        "momentum_mse": float(((forecasts.momentum - momentum) ** 2).mean()),
        "momentum_mse_of_zero": float((momentum**2).mean()),
    }


def _direction(forecasts: ScoredForecasts, horizon_bars: int, seed: int) -> dict[str, float]:
    """Bullish against bearish alone, where the price moved at all."""
    forecasts = forecasts.at(forecasts.moved)
    two, truth = collapsed(forecasts.probabilities, forecasts.classes)
    prior = log_losses(*collapsed(forecasts.prior, forecasts.classes))
    logit = log_losses(*collapsed(forecasts.logit, forecasts.classes))
    gain = direction_gains(forecasts)
    hits = (two.argmax(axis=1) == truth).astype(np.float64)
    surest = two.max(axis=1) >= np.quantile(two.max(axis=1), 0.9)
    break_even = 0.5 + ROUND_TRIP_COST / (2 * float(np.abs(forecasts.returns).mean()))
    deviation = block_means(gain, 2 * horizon_bars, seed).std()
    return {
        "direction_log_loss": float(log_losses(two, truth).mean()),
        "direction_log_loss_prior": float(prior.mean()),
        "direction_log_loss_logit": float(logit.mean()),
        "direction_log_loss_even": float(np.log(2)),
        **_interval("direction_gain", gain, 2 * horizon_bars, seed),
        "direction_gain_needed": direction_gain_needed(break_even),
        "detectable_gain": POWER_FACTOR * float(deviation),
        "direction_accuracy": float(hits.mean()),
        "direction_accuracy_half_width": 1.96 * float(np.sqrt(0.25 * horizon_bars / len(hits))),
        "top_decile_accuracy": float(hits[surest].mean()),
    }


def _calibration(forecasts: ScoredForecasts, horizon_bars: int, seed: int) -> dict[str, float]:
    def error(probabilities: FloatArray) -> float:
        correct = (probabilities.argmax(axis=1) == forecasts.classes).astype(np.float64)
        return expected_calibration_error(probabilities.max(axis=1), correct)

    return {
        "ece": error(forecasts.probabilities),
        "ece_before": error(forecasts.uncalibrated),
        "ece_null": calibration_null(forecasts.probabilities, horizon_bars, seed),
    }


def _volatility(forecasts: ScoredForecasts, block: int, seed: int) -> dict[str, float]:
    losses = {
        name: qlike(getattr(forecasts, name), forecasts.realised)
        for name in ("volatility", "har", "ewma")
    }
    squared = {
        name: float(((getattr(forecasts, name) - forecasts.realised) ** 2).mean())
        for name in losses
    }
    return {
        "qlike": float(losses["volatility"].mean()),
        "qlike_har": float(losses["har"].mean()),
        "qlike_ewma": float(losses["ewma"].mean()),
        **_interval("qlike_excess", losses["volatility"] - losses["ewma"], block, seed),
        **_interval("qlike_excess_over_har", losses["volatility"] - losses["har"], block, seed),
        "volatility_mse": squared["volatility"],
        "volatility_mse_har": squared["har"],
        "volatility_mse_ewma": squared["ewma"],
    }


def _sharpe(returns: FloatArray, per_year: float) -> float:
    """Annualised ratio of mean to deviation; 0 where nothing moved."""
    deviation = float(returns.std())
    return float(returns.mean()) / deviation * per_year**0.5 if deviation > 0 else 0.0


def _trading(
    forecasts: ScoredForecasts, horizon_bars: int, bar_milliseconds: int
) -> dict[str, float]:
    """A rough strategy, not the engine's: without size, stop or throttle."""
    trades = net_trades(forecasts, horizon_bars)
    per_year = YEAR_MILLISECONDS / (horizon_bars * bar_milliseconds)
    whole = np.log(forecasts.close[-1] / forecasts.close[0]) + forecasts.returns[-1]
    held = np.expm1(forecasts.returns[::horizon_bars])
    periods = np.zeros(max(len(held), len(trades.returns)))
    periods[: len(trades.returns)] = trades.returns
    sharpe = _sharpe(periods, per_year)
    years = len(periods) / per_year
    return {
        "trades": float(len(trades.returns)),
        "net_return": float(trades.returns.sum()),
        "net_sharpe": sharpe,
        "net_sharpe_half_width": 1.96 * float(np.sqrt((1 + sharpe**2 / (2 * per_year)) / years)),
        "buy_and_hold": float(np.expm1(whole)),
        "buy_and_hold_sharpe": _sharpe(held, per_year),
    }
