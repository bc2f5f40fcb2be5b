"""Turns raw snapshots into forecasts with one artifact's graph, through ONNX Runtime.

Called by the API, by evaluation in the trainer and by the backtest: what is reported of a model is
computed here, exactly as it is served.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tradinglab.artifact.store import Artifact
from tradinglab.domain.forecast import (
    Direction,
    Forecast,
    ModelFacts,
    ServedForecast,
    ServedForecasts,
)
from tradinglab.domain.market import MILLISECONDS, timeframe_milliseconds
from tradinglab.errors import ArtifactError, DataError
from tradinglab.features.columns import SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.labels import MOMENTUM_LIMIT
from tradinglab.features.pipeline import Pipeline

GRAPH_FILE, PIPELINE_FILE, GOLDEN_FILE = "model.onnx", "pipeline.json", "golden.npz"
GRAPH_INPUTS = ("components", "log_volatility_baseline")
GRAPH_OUTPUTS = ("logits", "momentum", "log_volatility", "attention")
GOLDEN_TOLERANCE = 1e-4  # float32 graphs differ by a few 1e-6 between processors
YEAR_MILLISECONDS = 365 * MILLISECONDS["d"]  # a market that never closes
DIRECTIONS = tuple(Direction)
CHUNK_WINDOWS = 16  # larger ones are hardly faster and hold more memory


@dataclass(frozen=True)
class Outputs:
    """Of n windows: `probabilities` (n, 4), `momentum` (n,), `log_volatility` (n,) per bar,
    `attention` (n, window), each row summing to 1."""

    probabilities: FloatArray
    momentum: FloatArray
    log_volatility: FloatArray
    attention: FloatArray


class Graph:
    """The exported network: components in, outputs out, no state, any batch.

    A single window runs in a session whose batch is fixed at one: there the shapes are constants.
    """

    def __init__(self, content: bytes, threads: int = 1) -> None:
        self._session = _session(content, threads)
        found = {value.name for value in self._session.get_inputs()}
        if found != set(GRAPH_INPUTS):
            raise ArtifactError(f"{GRAPH_FILE} has inputs {sorted(found)}, expected {GRAPH_INPUTS}")
        free = {
            dimension
            for value in (*self._session.get_inputs(), *self._session.get_outputs())
            for dimension in value.shape
            if isinstance(dimension, str)
        }
        self._single = _session(content, threads, dict.fromkeys(free, 1))

    def run(
        self, components: NDArray[np.floating[Any]], baseline: FloatArray
    ) -> dict[str, FloatArray]:
        """`components` (n, window, k), `baseline` (n,) → raw outputs by name."""
        count = len(components)
        if count == 1:
            found = self._single.run(GRAPH_OUTPUTS, _feed(components, baseline))
            return {n: v.astype(np.float64) for n, v in zip(GRAPH_OUTPUTS, found, strict=True)}
        outputs: dict[str, FloatArray] = {}
        for start in range(0, count, CHUNK_WINDOWS):
            chunk = slice(start, start + CHUNK_WINDOWS)
            feed = _feed(components[chunk], baseline[chunk])
            made = self._session.run(GRAPH_OUTPUTS, feed)
            for name, values in zip(GRAPH_OUTPUTS, made, strict=True):
                if name not in outputs:
                    outputs[name] = np.empty((count, *values.shape[1:]))
                outputs[name][chunk] = values
        return outputs


def _feed(
    components: NDArray[np.floating[Any]], baseline: FloatArray
) -> dict[str, NDArray[np.float32]]:
    return {
        "components": components.astype(np.float32, copy=False),
        "log_volatility_baseline": baseline[:, None].astype(np.float32),
    }


def _session(
    content: bytes, threads: int, fixed: Mapping[str, int] | None = None
) -> onnxruntime.InferenceSession:
    """`fixed`: free dimensions by name and the size they always have."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # it keeps what the largest batch needed, for ever
    for name, size in (fixed or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def interpret(raw: Mapping[str, FloatArray], pipeline: Pipeline) -> Outputs:
    """Calibrated probabilities, momentum within its limits, volatility."""
    count = len(raw["logits"])
    return Outputs(
        probabilities=pipeline.probabilities(raw["logits"]),
        momentum=np.clip(raw["momentum"].reshape(count), -MOMENTUM_LIMIT, MOMENTUM_LIMIT),
        log_volatility=raw["log_volatility"].reshape(count),
        attention=raw["attention"].reshape(count, -1),
    )


class Predictor:
    """One loaded artifact. Immutable, safe to share between threads."""

    def __init__(self, facts: ModelFacts, pipeline: Pipeline, graph: Graph, golden: bytes) -> None:
        self.facts = facts
        self.pipeline = pipeline
        self._graph = graph
        self._golden = golden
        self._bar_milliseconds = timeframe_milliseconds(facts.timeframe)

    @classmethod
    def load(cls, artifact: Artifact, threads: int = 1) -> "Predictor":
        """Raises ArtifactError when a file is absent or is not what it should be."""
        facts = artifact.manifest.facts(artifact.digest, artifact.version)
        pipeline = Pipeline.decoded(artifact.content(PIPELINE_FILE))
        return cls(
            facts.model_copy(update={"component_count": pipeline.normaliser.component_count}),
            pipeline,
            Graph(artifact.content(GRAPH_FILE), threads),
            artifact.content(GOLDEN_FILE),
        )

    def outputs(self, snapshots: FloatArray) -> Outputs:
        """`snapshots`: raw, (n, lookback_bars, 12); every value of the last rows finite.

        Raises DataError that names shape or value.
        """
        expected = (self.pipeline.lookback_bars, len(SNAPSHOT_COLUMNS))
        if snapshots.ndim != 3 or snapshots.shape[1:] != expected:
            raise DataError(
                f"snapshots have shape {snapshots.shape}, expected (n, {expected[0]}, 12)"
            )
        windows = [self.pipeline.window(history) for history in snapshots]
        return self.outputs_of_windows(
            np.stack([window for window, _ in windows]),
            np.array([baseline for _, baseline in windows]),
        )

    def outputs_of_windows(
        self, components: NDArray[np.floating[Any]], baseline: FloatArray
    ) -> Outputs:
        """`components`: (n, window_bars, k); `baseline`: (n,), the log of volatility per bar.

        Raises DataError that names shape or value.
        """
        expected = (self.pipeline.window_bars, self.pipeline.normaliser.component_count)
        if components.shape[1:] != expected:
            raise DataError(
                f"components have shape {components.shape}, expected (n, {expected[0]}, "
                f"{expected[1]})"
            )
        if not (np.isfinite(components).all() and np.isfinite(baseline).all()):
            raise DataError(
                "snapshots hold a value that is not finite or a price that is not positive"
            )
        return interpret(self._graph.run(components, baseline), self.pipeline)

    def forecast(self, snapshots: FloatArray, bar_open_times: Sequence[int]) -> list[Forecast]:
        """One forecast per history of `snapshots`, whose last rows opened at `bar_open_times`."""
        return self.forecasts_of(self.outputs(snapshots), bar_open_times)

    def forecasts_of(self, outputs: Outputs, bar_open_times: Sequence[int]) -> list[Forecast]:
        volatility = np.exp(outputs.log_volatility)
        return [
            Forecast(
                digest=self.facts.digest,
                bar_open_time=open_time,
                expires_at=open_time + 2 * self._bar_milliseconds,
                probabilities=tuple(outputs.probabilities[i].tolist()),
                momentum=float(outputs.momentum[i]),
                volatility_per_bar=float(volatility[i]),
            )
            for i, open_time in enumerate(bar_open_times)
        ]

    def served(
        self, outputs: Outputs, bar_open_times: Sequence[int], with_attention: bool = False
    ) -> ServedForecasts:
        """As the API gives them: each with verdict, data time and the class expected."""
        length = self._bar_milliseconds
        annual = math.sqrt(YEAR_MILLISECONDS / length)
        best = outputs.probabilities.argmax(axis=1).tolist()
        volatilities = np.exp(outputs.log_volatility).tolist()
        momenta, probabilities = outputs.momentum.tolist(), outputs.probabilities.tolist()
        return ServedForecasts(
            forecasts=tuple(
                ServedForecast(
                    digest=self.facts.digest,
                    verdict=self.facts.verdict,
                    bar_open_time=open_time,
                    data_time=open_time + length,
                    expires_at=open_time + 2 * length,
                    probabilities=probabilities[i],
                    expected_class=DIRECTIONS[best[i]],
                    momentum=momenta[i],
                    volatility_per_bar=volatilities[i],
                    volatility_annualised=volatilities[i] * annual,
                    attention=outputs.attention[i].tolist() if with_attention else None,
                )
                for i, open_time in enumerate(bar_open_times)
            )
        )

    def verify_golden(self) -> None:
        """Recomputes the stored golden histories; raises ArtifactError on any difference."""
        with np.load(io.BytesIO(self._golden), allow_pickle=False) as golden:
            outputs = self.outputs(golden["snapshots"])
            for name in ("probabilities", "momentum", "log_volatility"):
                difference = float(np.abs(getattr(outputs, name) - golden[name]).max())
                if not difference <= GOLDEN_TOLERANCE:
                    raise ArtifactError(
                        f"{GOLDEN_FILE}: {name} differs by {difference:.2e}, "
                        f"expected at most {GOLDEN_TOLERANCE:.0e}"
                    )


def golden_content(snapshots: FloatArray, outputs: Outputs) -> bytes:
    """The golden file: a few raw histories and what they must give."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        snapshots=snapshots,
        probabilities=outputs.probabilities,
        momentum=outputs.momentum,
        log_volatility=outputs.log_volatility,
    )
    return buffer.getvalue()
