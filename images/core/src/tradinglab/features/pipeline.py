"""Everything between raw snapshots and the network, and between its outputs and a forecast.

Fitted and stored by the trainer (`pipeline.json`), loaded by the predictor. Its parameters and
definitions decide what a model means, so their hash stands in the manifest.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from tradinglab.domain.history import HAR_DAYS, RECURSION_WARM_UP_BARS
from tradinglab.errors import ArtifactError
from tradinglab.features.columns import CLOSE, SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.normaliser import (
    CLIP,
    NORMALISER_LOOKBACK_BARS,
    OBV_CHANGE_BARS,
    VOLUME_MEAN_BARS,
    Normaliser,
)
from tradinglab.features.volatility import har_bars, har_forecast, har_terms

PIPELINE_VERSION = 1


def lookback_bars(window_bars: int, bar_milliseconds: int) -> int:
    """Raw rows that one forecast needs: its window and what the first row looks back on."""
    return window_bars + max(
        RECURSION_WARM_UP_BARS, har_bars(bar_milliseconds)[2], NORMALISER_LOOKBACK_BARS
    )


def softmax(scores: FloatArray) -> FloatArray:
    """Along the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), np.float64)


def specification_sha256(horizon_bars: int, window_bars: int) -> str:
    """Identifies the definitions of features and labels: two models compare only if it is equal."""
    definition = {
        "version": PIPELINE_VERSION,
        "columns": SNAPSHOT_COLUMNS,
        "volume_mean_bars": VOLUME_MEAN_BARS,
        "obv_change_bars": OBV_CHANGE_BARS,
        "clip": CLIP,
        "har_days": HAR_DAYS,
        "horizon_bars": horizon_bars,
        "window_bars": window_bars,
    }
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Pipeline:
    """`har_coefficients`: (4,); `threshold`: of the classes, in σ̂√H; `temperature`: of softmax."""

    bar_milliseconds: int
    window_bars: int
    normaliser: Normaliser
    har_coefficients: FloatArray
    threshold: float
    temperature: float

    @property
    def lookback_bars(self) -> int:
        return lookback_bars(self.window_bars, self.bar_milliseconds)

    def volatility_baseline(self, close: FloatArray) -> FloatArray:
        """Log volatility per bar that log-HAR expects; (n,), NaN while shorter than 30 days."""
        return har_forecast(har_terms(close, self.bar_milliseconds), self.har_coefficients)

    def window(self, snapshots: FloatArray) -> tuple[FloatArray, float]:
        """Components of the last `window_bars` rows, (window, k), and the last row's baseline."""
        rows = self.window_bars + NORMALISER_LOOKBACK_BARS
        components = self.normaliser.transform(snapshots[-rows:])[-self.window_bars :]
        month = har_bars(self.bar_milliseconds)[2]
        baseline = self.volatility_baseline(snapshots[-month - 1 :, CLOSE])[-1]
        return components, float(baseline)

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """softmax(logits / T) along the last axis [Guo et al. 2017]."""
        return softmax(logits.astype(np.float64) / self.temperature)

    def encoded(self) -> bytes:
        document = {
            "version": PIPELINE_VERSION,
            "barMilliseconds": self.bar_milliseconds,
            "windowBars": self.window_bars,
            "medians": self.normaliser.medians.tolist(),
            "scales": self.normaliser.scales.tolist(),
            "means": self.normaliser.means.tolist(),
            "components": self.normaliser.components.tolist(),
            "harCoefficients": self.har_coefficients.tolist(),
            "threshold": self.threshold,
            "temperature": self.temperature,
        }
        return json.dumps(document, indent=1).encode()

    @classmethod
    def decoded(cls, content: bytes) -> "Pipeline":
        """Raises ArtifactError unless it is a pipeline of this version with finite parameters."""
        try:
            document = json.loads(content)
            if document["version"] != PIPELINE_VERSION:
                raise ArtifactError(
                    f"pipeline.json has version {document['version']}, expected {PIPELINE_VERSION}"
                )
            medians, scales, means, components = (
                np.asarray(document[name], np.float64)
                for name in ("medians", "scales", "means", "components")
            )
            normaliser = Normaliser(medians, scales, means, components)
            pipeline = cls(
                bar_milliseconds=int(document["barMilliseconds"]),
                window_bars=int(document["windowBars"]),
                normaliser=normaliser,
                har_coefficients=np.asarray(document["harCoefficients"], np.float64),
                threshold=float(document["threshold"]),
                temperature=float(document["temperature"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"pipeline.json is malformed: {error!r}") from error
        arrays = (normaliser.medians, normaliser.scales, normaliser.means, normaliser.components)
        if not all(np.isfinite(array).all() for array in arrays) or pipeline.temperature <= 0:
            raise ArtifactError("pipeline.json has a parameter that is not finite or not positive")
        return pipeline
