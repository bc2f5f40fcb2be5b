"""Two artifacts on the same rows, later than both trainings. Called by `compare --bars`.

Each cuts its classes at its own threshold, so the test is on what both forecast alike: whether the
price rises, and how volatile it will be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tradinglab.artifact.manifest import Comparison
from tradinglab.artifact.store import Artifact
from tradinglab.errors import ConfigurationError
from tradinglab.evaluation.metrics import collapsed, log_losses, qlike
from tradinglab.features.columns import FloatArray
from tradinglab_trainer.commands.evaluate import END_OF_TIME
from tradinglab_trainer.commands.evaluation import Evaluated, described, market_of, read_bars
from tradinglab_trainer.commands.table import instant
from tradinglab_trainer.comparison import SIGNIFICANCE, compare, diebold_mariano
from tradinglab_trainer.scored import ScoredForecasts
from tradinglab_trainer.scores import measure


@dataclass(frozen=True)
class LossTest:
    """B against A by Diebold and Mariano; p-values are one-sided."""

    what: str
    loss: str
    mean_a: float
    mean_b: float
    b_is: Comparison
    p_b_is_better: float
    p_b_is_worse: float

    @classmethod
    def of(
        cls, what: str, loss: str, a: FloatArray, b: FloatArray, horizon_bars: int
    ) -> "LossTest":
        return cls(
            what=what,
            loss=loss,
            mean_a=float(a.mean()),
            mean_b=float(b.mean()),
            b_is=compare(b, a, horizon_bars),
            p_b_is_better=diebold_mariano(a - b, horizon_bars),
            p_b_is_worse=diebold_mariano(b - a, horizon_bars),
        )

    def in_words(self) -> str:
        figures = f"{self.loss} {self.mean_b:.4f} against {self.mean_a:.4f}"
        match self.b_is:
            case Comparison.BETTER:
                return f"{self.what}: B is better than A, {figures}, p = {self.p_b_is_better:.3f}"
            case Comparison.WORSE:
                return f"{self.what}: B is worse than A, {figures}, p = {self.p_b_is_worse:.3f}"
            case _:
                smaller = min(self.p_b_is_better, self.p_b_is_worse)
                return (
                    f"{self.what}: no difference shown between A and B, {figures}, "
                    f"p = {smaller:.3f}, expected below {SIGNIFICANCE}"
                )


@dataclass(frozen=True)
class Tested:
    """`metrics`: of A and of B, by name; `in_sample`: rows that a training reached."""

    bars: dict[str, Any]
    first: int
    last: int
    count: int
    in_sample: int
    tests: tuple[LossTest, ...]
    metrics: tuple[dict[str, float], dict[str, float]]

    def described(self) -> dict[str, Any]:
        return {
            "bars": self.bars,
            "rows": {
                "first": instant(self.first),
                "last": instant(self.last),
                "count": self.count,
                "in_sample": self.in_sample,
            },
            "is_evidence": self.in_sample == 0,
            "effective_observations": self.metrics[0]["effective_observations"],
            "tests": [vars(test) for test in self.tests],
            "in_words": [test.in_words() for test in self.tests],
        }


def fairly_tested(
    a: Artifact, b: Artifact, file: Path, since: int | None, until: int | None
) -> Tested:
    """On every row that both may forecast; by default those after both trainings.

    Raises ConfigurationError for artifacts of another market or horizon, DataError for bars that
    do not reach far enough.
    """
    _refuse_different(a, b)
    bars = read_bars(file, a.manifest)
    both = [Evaluated.of(artifact, bars) for artifact in (a, b)]
    later = max(both, key=lambda each: each.out_of_sample_from)
    begin = later.first_after_training() if since is None else since
    end = END_OF_TIME if until is None else until
    rows = np.intersect1d(both[0].rows(begin, end), both[1].rows(begin, end))
    first, second = (each.scored(rows) for each in both)
    horizon, bar = later.dataset.horizon_bars, later.dataset.bar_milliseconds
    seed = a.manifest.seeds[0]
    return Tested(
        bars=described(file, later.data),
        first=int(first.times[0]),
        last=int(first.times[-1]),
        count=len(rows),
        in_sample=int((first.times < later.out_of_sample_from).sum()),
        tests=_tests((first, second), horizon),
        metrics=(measure(first, horizon, bar, seed), measure(second, horizon, bar, seed)),
    )


def _refuse_different(a: Artifact, b: Artifact) -> None:
    for what, ours, theirs in (
        ("market", market_of(a.manifest), market_of(b.manifest)),
        ("horizon", a.manifest.decision.horizon_bars, b.manifest.decision.horizon_bars),
    ):
        if ours != theirs:
            raise ConfigurationError(
                f"{a.version} has {what} {ours}, {b.version} {theirs}, expected the same"
            )


def _tests(both: Sequence[ScoredForecasts], horizon_bars: int) -> tuple[LossTest, ...]:
    direction = [log_losses(*collapsed(each.probabilities, each.classes)) for each in both]
    volatility = [qlike(each.volatility, each.realised) for each in both]
    return (
        LossTest.of("direction", "log-loss", direction[0], direction[1], horizon_bars),
        LossTest.of("volatility", "QLIKE", volatility[0], volatility[1], horizon_bars),
    )
