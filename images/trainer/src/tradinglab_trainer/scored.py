"""A model's forecasts beside what came and what the baselines said.

Made by the walk-forward from out-of-fold rows and by `evaluate` from any bars; always by the
exported graph through the predictor's own code, so that what is scored is what is served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from tradinglab.features.columns import FloatArray
from tradinglab.features.pipeline import Pipeline
from tradinglab.features.volatility import log_returns
from tradinglab.predictor import interpret
from tradinglab_trainer.dataset import Dataset, IntArray
from tradinglab_trainer.preparation import Seen

EWMA_DECAY = 0.94
EWMA_BARS = 500


@dataclass(frozen=True)
class ScoredForecasts:
    """n forecasts in time order, each made at the close of the bar that opened at `times`.

    `classes`, `returns` (log, of the horizon), `standardised` (returns over σ̂√H) and `realised`
    are what came; `probabilities` (n, 4), `uncalibrated` (n, 4), `momentum`, `expected_returns` (of
    the horizon, before costs), `volatility` and `attention` (n, window) what was forecast; `prior`
    and `logit` (n, 4), `har` and `ewma` the baselines. Volatilities are logs, per bar.
    """

    times: IntArray
    rows: IntArray
    close: FloatArray
    classes: IntArray
    returns: FloatArray
    standardised: FloatArray
    realised: FloatArray
    probabilities: FloatArray
    uncalibrated: FloatArray
    momentum: FloatArray
    expected_returns: FloatArray
    volatility: FloatArray
    attention: NDArray[np.float32]
    prior: FloatArray
    logit: FloatArray
    har: FloatArray
    ewma: FloatArray

    def at(self, chosen: slice | NDArray[np.bool_]) -> "ScoredForecasts":
        """Some of them."""
        return ScoredForecasts(
            **{each.name: getattr(self, each.name)[chosen] for each in fields(self)}
        )

    @property
    def moved(self) -> NDArray[np.bool_]:
        """Where the price changed over the horizon: an unchanged close counts as bullish, and how
        often that happens depends on volatility, not on direction."""
        return np.asarray(self.returns != 0, np.bool_)


def score(
    dataset: Dataset,
    seen: Seen,
    rows: IntArray,
    raw: Mapping[str, FloatArray],
    pipeline: Pipeline,
    class_mean_returns: FloatArray,
    prior: FloatArray,
    logit: FloatArray,
) -> ScoredForecasts:
    """`raw`: what the graph answered for `rows`; `pipeline`: with its temperature."""
    outputs = interpret(raw, pipeline)
    horizon_volatility = np.exp(outputs.log_volatility) * np.sqrt(dataset.horizon_bars)
    return ScoredForecasts(
        times=dataset.times[rows],
        rows=rows,
        close=dataset.close[rows],
        classes=seen.labels.classes[rows],
        returns=dataset.returns[rows],
        standardised=seen.labels.standardised[rows],
        realised=dataset.future_log_volatility[rows],
        probabilities=outputs.probabilities,
        uncalibrated=replace(pipeline, temperature=1.0).probabilities(raw["logits"]),
        momentum=outputs.momentum,
        expected_returns=outputs.probabilities @ class_mean_returns * horizon_volatility,
        volatility=outputs.log_volatility,
        attention=outputs.attention.astype(np.float32),
        prior=np.tile(prior, (len(rows), 1)),
        logit=logit,
        har=seen.baseline[rows],
        ewma=ewma_log_volatility(dataset.close)[rows],
    )


def pooled(parts: Sequence[ScoredForecasts]) -> ScoredForecasts:
    """The parts' rows one after another."""
    return ScoredForecasts(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(ScoredForecasts)
        }
    )


def ewma_log_volatility(close: FloatArray) -> FloatArray:
    """RiskMetrics EWMA(0.94) of squared log returns, truncated where it no longer counts."""
    weights = (1 - EWMA_DECAY) * EWMA_DECAY ** np.arange(EWMA_BARS)
    variance = np.convolve(log_returns(close) ** 2, weights)[: len(close)]
    return np.asarray(0.5 * np.log(np.maximum(variance, 1e-10)), np.float64)
