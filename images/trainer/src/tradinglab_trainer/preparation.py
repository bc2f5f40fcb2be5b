"""What is fitted on a fold's training rows before the network: HAR, labels, normaliser, PCA.

Called once per fold and for the model that ships; sees nothing outside the training rows but to
transform it. `see` alone, without fitting, is how an artifact looks at other bars.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from tradinglab.domain.forecast import CLASS_COUNT, Direction
from tradinglab.errors import DataError
from tradinglab.features.columns import SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.labels import Labels, make_labels, standardise
from tradinglab.features.normaliser import Normaliser, robust_scale
from tradinglab.features.pipeline import Pipeline, softmax
from tradinglab.features.volatility import fit_har, har_forecast
from tradinglab_trainer.dataset import Dataset, IntArray

WIDTH = len(SNAPSHOT_COLUMNS)
LEAST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Seen:
    """A dataset as one pipeline sees it. `components`: (n, k), `baseline`: (n,) log volatility;
    both 0 where there is not enough history."""

    pipeline: Pipeline
    components: FloatArray
    baseline: FloatArray
    labels: Labels

    def windows(self, rows: IntArray) -> NDArray[np.float32]:
        """(len(rows), window, k): each row's window, which ends with it."""
        window = self.pipeline.window_bars
        views = sliding_window_view(self.components, window, axis=0)
        return np.ascontiguousarray(views[rows - window + 1].transpose(0, 2, 1), np.float32)


@dataclass(frozen=True)
class Prepared(Seen):
    """With what else was fitted on the training rows.

    `class_mean_returns`: (4,), in σ̂√H; `prior`: (4,), class frequencies; `logit`: (4, k + 1),
    multinomial logit on the row's own components, intercepts last: what depth must beat;
    `smearing`: from the mean log volatility to the log of the root of the mean variance;
    `spectrum`: the explained variance ratio of all twelve components.
    """

    class_mean_returns: FloatArray
    prior: FloatArray
    logit: FloatArray
    smearing: float
    spectrum: FloatArray


def see(dataset: Dataset, pipeline: Pipeline) -> Seen:
    """Transforms all rows; fits nothing."""
    baseline = har_forecast(dataset.har_terms, pipeline.har_coefficients)
    components = pipeline.normaliser.rotated(dataset.stationary)
    labels = make_labels(dataset.close, baseline, dataset.horizon_bars, pipeline.threshold)
    return Seen(pipeline, np.nan_to_num(components), np.nan_to_num(baseline), labels)


def prepare(dataset: Dataset, train: tuple[int, int], pca_variance: float, seed: int) -> Prepared:
    """Fits on the usable rows of `train`, transforms all rows.

    Raises DataError when a class is all but absent there.
    """
    rows = dataset.rows(*train)
    har, smearing = fit_har(dataset.har_terms[rows], dataset.future_log_volatility[rows])
    z = standardise(
        dataset.returns[rows], har_forecast(dataset.har_terms[rows], har), dataset.horizon_bars
    )
    normaliser, spectrum = _fit_normaliser(dataset.stationary[rows], pca_variance, seed)
    pipeline = Pipeline(
        bar_milliseconds=dataset.bar_milliseconds,
        window_bars=dataset.window_bars,
        normaliser=normaliser,
        har_coefficients=har,
        threshold=float(np.median(np.abs(z))),
        temperature=1.0,
    )
    seen = see(dataset, pipeline)
    classes = seen.labels.classes[rows]
    counts = np.bincount(classes, minlength=CLASS_COUNT)
    if counts.min() < LEAST_OF_A_CLASS:
        told = ", ".join(f"{d.value} {c}" for d, c in zip(Direction, counts.tolist(), strict=True))
        raise DataError(
            f"training slice has bars of the classes {told}; expected at least {LEAST_OF_A_CLASS} "
            "of each: this price moves one way only, its direction cannot be learnt"
        )
    return Prepared(
        **vars(seen),
        class_mean_returns=np.array([z[classes == k].mean() for k in range(CLASS_COUNT)]),
        prior=counts / len(classes),
        logit=_fit_logit(seen.components[rows], classes),
        smearing=smearing,
        spectrum=spectrum,
    )


def logit_probabilities(logit: FloatArray, components: FloatArray) -> FloatArray:
    """(n, k) → (n, 4)."""
    return softmax(components @ logit[:, :-1].T + logit[:, -1])


def _fit_logit(components: FloatArray, classes: IntArray) -> FloatArray:
    model = LogisticRegression(max_iter=300).fit(components, classes)
    return np.column_stack((model.coef_, model.intercept_)).astype(np.float64)


def _fit_normaliser(
    stationary_rows: FloatArray, variance: float, seed: int
) -> tuple[Normaliser, FloatArray]:
    medians, scales = robust_scale(stationary_rows)
    unrotated = Normaliser(medians, scales, np.zeros(WIDTH), np.eye(WIDTH))
    pca = PCA(svd_solver="full", random_state=seed).fit(unrotated.scaled(stationary_rows))
    spectrum = np.asarray(pca.explained_variance_ratio_, np.float64)
    count = min(len(spectrum), int(np.searchsorted(np.cumsum(spectrum), variance - 1e-12)) + 1)
    components = np.asarray(pca.components_[:count], np.float64)
    # sign convention: the largest loading of each component is positive
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(count), largest])[:, None]
    return Normaliser(medians, scales, np.asarray(pca.mean_, np.float64), components), spectrum
