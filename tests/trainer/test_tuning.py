"""Tuning starts from the best known, keeps every trial, and resumes where it was killed."""

import math

import pytest
from tests.market_data import synthetic_bars

from tradinglab.resource.spec import TrainingSpec
from tradinglab_trainer import tuning
from tradinglab_trainer.dataset import make_dataset, walk_forward
from tradinglab_trainer.fitting import Fitted
from tradinglab_trainer.network import Hyperparameters
from tradinglab_trainer.tuning import TuningStore, tune

KNOWN = Hyperparameters(filters=48, lstm_units=96, dropout=0.2, learning_rate=1e-3, lanes=8)


class FakeFit:
    """Scores by the distance of the learning rate from 1e-3; dies at call `dies_at`."""

    def __init__(self, dies_at=None):
        self.tried, self.dies_at = [], dies_at

    def __call__(self, dataset, prepared, train, stop, chosen, epochs, seed, on_epoch):
        if len(self.tried) == self.dies_at:
            raise KeyboardInterrupt
        self.tried.append(chosen)
        return Fitted(None, 1, abs(math.log(chosen.learning_rate / 1e-3)), ())


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(synthetic_bars(3000), 3_600_000, 64, 24)


@pytest.fixture
def search(dataset, tmp_path, monkeypatch):
    store = TuningStore(tmp_path / "tuning.db")
    training = TrainingSpec.model_validate({"tuning": {"trials": 4}})

    def run(fake, job="job-1"):
        monkeypatch.setattr(tuning, "fit", fake)
        fold = walk_forward(dataset, 2)[0]
        return tune(
            dataset, fold, training, store, job, tmp_path / "tuning" / job, lambda *_: None
        )  # fmt: skip

    run.store = store
    return run


def test_the_first_trial_is_the_best_of_the_latest_run(search):
    search.store.record("old", "0", KNOWN, 0.5, 1, 7)
    search.store.record("old", "1", Hyperparameters(filters=16), 0.9, 1, 7)
    fake = FakeFit()
    best = search(fake)
    assert fake.tried[0] == KNOWN
    assert len(fake.tried) == 4
    assert best == KNOWN


def test_a_best_that_saw_the_test_slice_or_diverged_is_no_start(search, dataset):
    test = int(dataset.times[walk_forward(dataset, 2)[0].test[0]])
    search.store.record("old", "0", KNOWN, 0.5, test, 7)
    search.store.record("old", "1", KNOWN, tuning.DIVERGED_SCORE, 1, 7)
    fake = FakeFit()
    search(fake)
    assert fake.tried[0] == Hyperparameters()


def test_without_a_known_best_the_defaults_are_tried_first(search):
    fake = FakeFit()
    search(fake)
    assert fake.tried[0] == Hyperparameters()


def test_a_killed_search_keeps_its_finished_trials(search):
    dying = FakeFit(dies_at=2)
    with pytest.raises(KeyboardInterrupt):
        search(dying)
    resumed = FakeFit()
    best = search(resumed)
    tried = dying.tried + resumed.tried
    assert len(resumed.tried) <= 3
    assert best in tried
    assert abs(math.log(best.learning_rate / 1e-3)) == min(
        abs(math.log(each.learning_rate / 1e-3)) for each in tried
    )


def test_the_best_known_is_cut_to_the_limits_of_today(search, dataset, tmp_path):
    search.store.record("old", "0", KNOWN, 0.5, 1, 7)
    limits = {"trials": 0, "maxFilters": 40, "maxLstmUnits": 32}
    training = TrainingSpec.model_validate({"tuning": limits})
    fold = walk_forward(dataset, 2)[0]
    chosen = tune(dataset, fold, training, search.store, "job", tmp_path, lambda *_: None)
    assert (chosen.filters, chosen.lstm_units) == (32, 32)


def test_no_trials_keep_the_best_known(search, dataset, tmp_path):
    search.store.record("old", "0", KNOWN, 0.5, 1, 7)
    training = TrainingSpec.model_validate({"tuning": {"trials": 0}})
    fold = walk_forward(dataset, 2)[0]
    chosen = tune(dataset, fold, training, search.store, "job", tmp_path, lambda *_: None)
    assert chosen == KNOWN
