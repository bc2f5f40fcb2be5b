"""What is fitted on a fold's training rows before the network: HAR, labels, normaliser, PCA.

Called once per fold and for the model that ships; sees nothing outside the training rows but to
transform it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from tradinglab.domain.forecast import CLASS_COUNT
from tradinglab.features.columns import FloatArray
from tradinglab.features.labels import Labels, make_labels, standardise
from tradinglab.features.normaliser import Normaliser, robust_scale
from tradinglab.features.pipeline import Pipeline
from tradinglab.features.volatility import fit_har, har_forecast
from tradinglab_trainer.dataset import Dataset, IntArray


@dataclass(frozen=True)
class Prepared:
    """A dataset as one fold sees it. `components`: (n, k), `baseline`: (n,) log volatility;
    `class_mean_returns`: (4,), in σ̂√H, of the training rows; `prior`: (4,), their frequencies;
    `smearing`: from the mean log volatility to the log of the root of the mean variance;
    `spectrum`: the explained variance ratio of all twelve components."""

    pipeline: Pipeline
    components: FloatArray
    baseline: FloatArray
    labels: Labels
    class_mean_returns: FloatArray
    prior: FloatArray
    smearing: float
    spectrum: FloatArray

    def windows(self, rows: IntArray) -> NDArray[np.float32]:
        """(len(rows), window, k): each row's window, which ends with it."""
        window = self.pipeline.window_bars
        views = sliding_window_view(self.components, window, axis=0)
        return np.ascontiguousarray(views[rows - window + 1].transpose(0, 2, 1), np.float32)


def prepare(dataset: Dataset, train: tuple[int, int], pca_variance: float, seed: int) -> Prepared:
    """Fits on the usable rows of `train`, transforms all rows."""
    rows = dataset.rows(*train)
    har, smearing = fit_har(dataset.har_terms[rows], dataset.future_log_volatility[rows])
    baseline = har_forecast(dataset.har_terms, har)
    z = standardise(dataset.returns, baseline, dataset.horizon_bars)
    threshold = float(np.median(np.abs(z[rows])))
    labels = make_labels(dataset.close, baseline, dataset.horizon_bars, threshold)
    normaliser, spectrum = _fit_normaliser(dataset.stationary[rows], pca_variance, seed)
    pipeline = Pipeline(
        bar_milliseconds=dataset.bar_milliseconds,
        window_bars=dataset.window_bars,
        normaliser=normaliser,
        har_coefficients=har,
        threshold=threshold,
        temperature=1.0,
    )
    components = (normaliser.scaled(dataset.stationary) - normaliser.means) @ (
        normaliser.components.T
    )
    classes = labels.classes[rows]
    return Prepared(
        pipeline=pipeline,
        components=np.nan_to_num(components),
        baseline=np.nan_to_num(baseline),
        labels=labels,
        class_mean_returns=np.array([z[rows][classes == k].mean() for k in range(CLASS_COUNT)]),
        prior=np.bincount(classes, minlength=CLASS_COUNT) / len(classes),
        smearing=smearing,
        spectrum=spectrum,
    )


def _fit_normaliser(
    stationary_rows: FloatArray, variance: float, seed: int
) -> tuple[Normaliser, FloatArray]:
    medians, scales = robust_scale(stationary_rows)
    unrotated = Normaliser(medians, scales, np.zeros(12), np.eye(12))
    pca = PCA(svd_solver="full", random_state=seed).fit(unrotated.scaled(stationary_rows))
    spectrum = np.asarray(pca.explained_variance_ratio_, np.float64)
    count = min(len(spectrum), int(np.searchsorted(np.cumsum(spectrum), variance - 1e-12)) + 1)
    components = np.asarray(pca.components_[:count], np.float64)
    # sign convention: the largest loading of each component is positive
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(count), largest])[:, None]
    return Normaliser(medians, scales, np.asarray(pca.mean_, np.float64), components), spectrum
