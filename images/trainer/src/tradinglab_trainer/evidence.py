"""All that one run found out, for the report that its artifact carries.

Made by the run; read by the report, which computes no score of its own.
"""

from dataclasses import dataclass

from tradinglab.artifact.manifest import DataRange, Gate
from tradinglab.features.columns import FloatArray
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.fitting import Epoch
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.scored import ScoredForecasts


@dataclass(frozen=True)
class FoldFit:
    """One fit. `train`, `stop`, `calibration`, `test`: first and last open time of each slice
    (UTC ms; None where it is empty); `history` ends where early stopping ended it."""

    name: str
    seed: int
    train: tuple[int, int]
    stop: tuple[int, int] | None
    calibration: tuple[int, int]
    test: tuple[int, int] | None
    history: tuple[Epoch, ...]
    best_epoch: int
    temperature: float
    component_count: int


@dataclass(frozen=True)
class Variant:
    """A part of the procedure left out or replaced, on the last fold, one seed."""

    name: str
    component_count: int
    log_loss: float
    direction_gain: float
    qlike: float


@dataclass(frozen=True)
class Evidence:
    """`metrics`: of `forecasts`, the out-of-fold ones of the median seed; `seed_metrics`: the same
    by seed; `fits`: folds × seeds, then the refit that ships; `spectrum` (12,) and `loadings`
    (k, 12) of its PCA."""

    model: str
    job: str
    trained_at: str
    spec: TradingModelSpec
    data: DataRange
    hyperparameters: Hyperparameters
    gate: Gate
    metrics: dict[str, float]
    seed_metrics: dict[int, dict[str, float]]
    forecasts: ScoredForecasts
    fits: tuple[FoldFit, ...]
    variants: tuple[Variant, ...]
    spectrum: FloatArray
    loadings: FloatArray
