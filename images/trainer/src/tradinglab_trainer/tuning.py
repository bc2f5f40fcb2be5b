"""Bayesian optimisation of the hyper-parameters with KerasTuner, remembered in SQLite.

Called by the run on the first fold's train and early-stop slices, which lie before every test
slice, so that what is chosen cannot know what it will be judged on.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras_tuner

from tradinglab.artifact.store import translated_os_errors
from tradinglab.errors import StorageError, TrainingDiverged
from tradinglab.resource.spec import TrainingSpec
from tradinglab_trainer.dataset import Dataset, Fold
from tradinglab_trainer.fitting import Epoch, fit
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.preparation import Prepared, prepare

SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    job TEXT NOT NULL, trial TEXT NOT NULL, hyperparameters TEXT NOT NULL, score REAL NOT NULL,
    data_end INTEGER NOT NULL, seed INTEGER NOT NULL, finished_at TEXT NOT NULL,
    PRIMARY KEY (job, trial)
) STRICT
"""
LANES = (8, 16, 32)
STEP = 16
DIVERGED_SCORE = 1e3


class TuningStore:
    """Every finished trial of a model. One writer, rollback journal: it may lie on a share."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _connect(self) -> sqlite3.Connection:
        with translated_os_errors(f"opening {self._path}"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path)
        connection.execute(SCHEMA)
        return connection

    def record(
        self, job: str, trial: str, chosen: Hyperparameters, score: float, data_end: int, seed: int
    ) -> None:
        row = (
            job, trial, json.dumps(chosen.as_dict()), score, data_end, seed,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        try:
            with closing(self._connect()) as connection, connection:
                connection.execute("INSERT OR REPLACE INTO trials VALUES (?,?,?,?,?,?,?)", row)
        except sqlite3.Error as error:
            raise StorageError(f"trials in {self._path}: {error}") from error

    def best(self, before: int) -> Hyperparameters | None:
        """The best trial of the latest run that was scored on data from before `before` (UTC ms):
        where the next one starts. What was tuned on a later test slice would know its answers."""
        try:
            with closing(self._connect()) as connection:
                row = connection.execute(
                    "WITH known AS (SELECT * FROM trials WHERE data_end < ? AND score < ?) "
                    "SELECT hyperparameters FROM known WHERE job = "
                    "(SELECT job FROM known ORDER BY finished_at DESC LIMIT 1) "
                    "ORDER BY score LIMIT 1",
                    (before, DIVERGED_SCORE),
                ).fetchone()
        except sqlite3.Error as error:
            raise StorageError(f"trials in {self._path}: {error}") from error
        return None if row is None else Hyperparameters(**json.loads(row[0]))


def _space(parameters: Any, training: TrainingSpec) -> Hyperparameters:
    limits = training.tuning
    return Hyperparameters(
        filters=parameters.Int("filters", STEP, limits.max_filters, step=STEP),
        lstm_units=parameters.Int("lstm_units", STEP, limits.max_lstm_units, step=STEP),
        dropout=parameters.Float("dropout", 0.1, 0.6, step=0.1),
        learning_rate=parameters.Float("learning_rate", 3e-4, 5e-3, sampling="log"),
        weight_decay=parameters.Float("weight_decay", 1e-6, 1e-3, sampling="log"),
        lanes=parameters.Choice("lanes", LANES),
        momentum_weight=parameters.Float("momentum_weight", 0.02, 1.0, sampling="log"),
        volatility_weight=parameters.Float("volatility_weight", 0.05, 2.0, sampling="log"),
    )


def _within(training: TrainingSpec, known: Hyperparameters) -> Hyperparameters:
    """The best known was found under other limits, perhaps; today's hold."""
    return replace(
        known,
        filters=min(known.filters, training.tuning.max_filters // STEP * STEP),
        lstm_units=min(known.lstm_units, training.tuning.max_lstm_units // STEP * STEP),
    )


class _SeededOracle(keras_tuner.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Its first trial is the best one known, scored again on this run's own window."""

    start: Hyperparameters

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = super().populate_space(trial_id)
        first = not self.trials and answer.get("values")
        if first:
            known = self.start.as_dict()
            answer["values"] = {name: known[name] for name in answer["values"]}
        return answer


def tune(
    dataset: Dataset,
    fold: Fold,
    training: TrainingSpec,
    store: TuningStore,
    job: str,
    directory: Path,
    on_trial: Callable[[int, int, str], None],
) -> Hyperparameters:
    """The best found within the budget of trials and minutes; resumes the search that was killed
    in `directory`, which must be of this job on the very same bars."""
    tuned_until = int(dataset.times[fold.stop[1] - 1])
    known = store.best(int(dataset.times[fold.test[0]]))
    start = _within(training, known or Hyperparameters())
    trials = training.tuning.trials
    if trials == 0:
        return start
    prepared: Prepared = prepare(dataset, fold.train, training.pca.variance, training.seed)
    deadline = time.monotonic() + 60 * training.tuning.max_minutes

    class Model(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, parameters: Any) -> Any:
            """KerasTuner builds once to learn the space; the network is built when it is fitted."""
            return _space(parameters, training)

    class Tuner(keras_tuner.Tuner):  # type: ignore[misc]
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> float:
            chosen = _space(trial.hyperparameters, training)
            number = len(self.oracle.trials)

            def on_epoch(epoch: Epoch) -> None:
                on_trial(number, trials, f"epoch {epoch.number} score {epoch.stop:.4f}")

            try:
                score = fit(
                    dataset, prepared, fold.train, fold.stop, chosen, training.epochs,
                    training.seed, on_epoch,
                ).best_score  # fmt: skip
            except TrainingDiverged:
                score = DIVERGED_SCORE
            store.record(job, trial.trial_id, chosen, score, tuned_until, training.seed)
            if time.monotonic() > deadline:
                self.oracle.max_trials = number
            return score

        def load_model(self, trial: Any) -> Any:
            return trial.hyperparameters

    oracle = _SeededOracle(
        objective=keras_tuner.Objective("default_objective", "min"),
        max_trials=trials,
        num_initial_points=max(2, trials // 4),
        seed=training.seed,
    )
    oracle.start = start
    with translated_os_errors("tuning"):
        tuner = Tuner(
            oracle=oracle, hypermodel=Model(), directory=directory.parent,
            project_name=directory.name,
            overwrite=False,
        )  # fmt: skip
        tuner.search(verbose=0)
    best = tuner.get_best_hyperparameters(1)[0]
    return _space(best, training)
