"""Evidence for tests: constructed forecasts of a stated skill, scored and judged as a run does."""

from dataclasses import replace

import numpy as np

from tradinglab.artifact.manifest import Comparison, DataRange, Gap, Outlier, Stretch
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.evidence import Evidence, FoldFit, Variant
from tradinglab_trainer.fitting import Epoch
from tradinglab_trainer.gate import judge
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.scored import ScoredForecasts
from tradinglab_trainer.scores import measure

HOUR = 3_600_000
START = 1_609_459_200_000  # 2021-01-01
HORIZON, WINDOW = 24, 64


def scored_forecasts(rows: int = 3000, skill: float = 0.4, seed: int = 0) -> ScoredForecasts:
    """Blocks of one horizon share their outcome; `skill` is the deviation of the true logits."""
    rng = np.random.default_rng(seed)
    index = np.arange(rows) // HORIZON
    logits = rng.normal(0, skill, (index[-1] + 1, 4))[index]
    probabilities = _softmax(logits)
    draws = rng.random(index[-1] + 1)[index]
    classes = (draws[:, None] > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    means = np.array([1.5, 0.4, -0.4, -1.5])
    volatility = np.log(0.006) + 0.4 * np.sin(np.arange(rows) / 700)
    scale = np.exp(volatility) * np.sqrt(HORIZON)
    standardised = means[classes]
    attention = rng.dirichlet(np.linspace(0.2, 3, WINDOW), rows)
    return ScoredForecasts(
        times=START + HOUR * np.arange(rows, dtype=np.int64),
        rows=np.arange(rows, dtype=np.int64),
        close=30_000 * np.exp(np.cumsum(rng.normal(0, 0.006, rows))),
        classes=classes.astype(np.int64),
        returns=standardised * scale,
        standardised=standardised,
        realised=volatility + rng.normal(-0.05, 0.3, rows),
        probabilities=probabilities,
        uncalibrated=_softmax(1.6 * logits),
        momentum=probabilities @ means,
        expected_returns=probabilities @ means * scale,
        volatility=volatility,
        attention=attention.astype(np.float32),
        prior=np.full((rows, 4), 0.25),
        logit=_softmax(0.3 * logits),
        har=volatility + rng.normal(0, 0.05, rows),
        ewma=volatility + rng.normal(0, 0.2, rows),
    )


def evidence(
    forecasts: ScoredForecasts | None = None, folds: int = 2, seeds: int = 3, **changes: object
) -> Evidence:
    """A run on `forecasts`; `changes` replace fields of the result."""
    forecasts = scored_forecasts() if forecasts is None else forecasts
    metrics = measure(forecasts, HORIZON, HOUR, 7)
    loadings = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0][:6]
    spectrum = np.array([0.42, 0.2, 0.13, 0.09, 0.07, 0.05, 0.02, 0.01, 0.005, 0.003, 0.001, 0.001])
    made = Evidence(
        model="lab/btc-usdt",
        job="btc-usdt-1",
        trained_at="2024-02-03T04:05:06.000+00:00",
        spec=TradingModelSpec.model_validate(
            {"market": {"symbol": "BTC/USDT"}, "training": {"folds": folds}}
        ),
        data=data_range(),
        hyperparameters=Hyperparameters(),
        gate=judge(metrics, 2.4e-7, Comparison.FIRST),
        metrics=metrics,
        seed_metrics={
            7 + i: {name: value * (1 + 0.01 * i) for name, value in metrics.items()}
            for i in range(seeds)
        },
        forecasts=forecasts,
        fits=tuple(_fits(folds, seeds)),
        variants=(
            Variant("as trained", 6, 1.3851, 0.0012, 0.2931),
            Variant("without PCA", 12, 1.3869, 0.0004, 0.2942),
        ),
        spectrum=spectrum / spectrum.sum(),
        loadings=loadings,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def data_range(gaps: int = 12) -> DataRange:
    found = tuple(Gap(after=START + 400 * i * HOUR, missing_bars=1 + i % 5) for i in range(gaps))
    missing = sum(gap.missing_bars for gap in found)
    return DataRange(
        start=START - 20_000 * HOUR,
        end=START + 3100 * HOUR,
        bars=23_101 - missing,
        sha256="5e" * 32,
        missing_bars=missing,
        gap_count=gaps,
        gaps=found,
        zero_volume_bars=4,
        zero_volume=(Stretch(start=START + 9 * HOUR, bars=4),),
        outliers=(
            Outlier(open_time=START + 5 * HOUR, column="low", value=8200.0, reference=31_000.0),
        ),
    )


def _softmax(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _fits(folds: int, seeds: int):
    rng = np.random.default_rng(3)
    day = 24 * HOUR
    for fold in range(folds):
        test = START + fold * 60 * day
        for seed in range(seeds):
            noise = rng.normal(0, 0.003, 9)
            yield FoldFit(
                name=f"fold {fold + 1}",
                seed=7 + seed,
                train=(START - 800 * day, test - 200 * day),
                stop=(test - 199 * day, test - 101 * day),
                calibration=(test - 100 * day, test - day),
                test=(test, test + 60 * day),
                history=tuple(
                    Epoch(n, 2.1 - 0.05 * n, 2.0 + 0.01 * (n - 4) ** 2 + float(noise[n - 1]))
                    for n in range(1, 9)
                ),
                best_epoch=4,
                temperature=1.1,
                component_count=6,
            )
    yield FoldFit(
        name="refit",
        seed=7,
        train=(START - 800 * day, START + 20 * day),
        stop=None,
        calibration=(START + 21 * day, START + 125 * day),
        test=None,
        history=tuple(Epoch(n, 2.1 - 0.05 * n, float("nan")) for n in range(1, 5)),
        best_epoch=4,
        temperature=1.15,
        component_count=6,
    )
