"""Fitting over lanes with the real network: what fits, what is refused, what is the same."""

from dataclasses import replace

import numpy as np
import pytest
from tests.market_data import synthetic_bars

from tradinglab.errors import DataError, TrainingDiverged
from tradinglab.predictor import Graph
from tradinglab_trainer.dataset import make_dataset, walk_forward
from tradinglab_trainer.export import export_difference, export_graph
from tradinglab_trainer.fitting import fit
from tradinglab_trainer.network import (
    Hyperparameters,
    copy_weights,
    lane_network,
    window_network,
)
from tradinglab_trainer.preparation import prepare

SMALL = Hyperparameters(filters=16, lstm_units=16, lanes=32)


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(synthetic_bars(3500), 3_600_000, 64, 24)


@pytest.fixture(scope="module")
def fold(dataset):
    return walk_forward(dataset, 1)[0]


@pytest.fixture(scope="module")
def prepared(dataset, fold):
    return prepare(dataset, fold.train, 0.95, 7)


def fitted(dataset, prepared, train, stop, epochs=2):
    return fit(dataset, prepared, train, stop, SMALL, epochs, 7, lambda _: None)


def test_a_history_shorter_than_all_lanes_is_still_learned_from(dataset, prepared, fold):
    result = fitted(dataset, prepared, fold.train, fold.stop)
    assert fold.train[1] - fold.train[0] < SMALL.lanes * 64
    assert all(np.isfinite(epoch.train) for epoch in result.history)
    assert result.history[0].stop != result.history[1].stop


def test_a_slice_without_one_window_is_refused(dataset, prepared, fold):
    with pytest.raises(DataError, match="training slice has 60 bars, expected at least one window"):
        fitted(dataset, prepared, (fold.train[0], fold.train[0] + 60), fold.stop)


def test_numbers_that_are_not_finite_end_the_fit_by_name(dataset, prepared, fold):
    torn = replace(prepared, components=np.full_like(prepared.components, np.nan))
    with pytest.raises(TrainingDiverged, match="no finite loss in 2 epochs"):
        fitted(dataset, torn, fold.train, fold.stop)


def test_the_same_seed_gives_the_same_weights(dataset, prepared, fold):
    first, second = (
        fitted(dataset, prepared, fold.train, fold.stop).network.get_weights() for _ in range(2)
    )
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_the_exported_graph_equals_the_network(dataset, prepared, fold):
    network = fitted(dataset, prepared, fold.train, fold.stop).network
    rows = dataset.rows(*fold.test)[:50]
    windows, baseline = prepared.windows(rows), prepared.baseline[rows]
    graph = Graph(export_graph(network))
    assert export_difference(network, graph, windows, baseline, 7) < 1e-5
    attention = graph.run(windows, baseline)["attention"]
    assert attention.shape == (50, 64)
    assert attention.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)


def test_a_window_is_read_as_a_lane_from_its_start(dataset, prepared):
    lane = lane_network(replace(SMALL, lanes=1), 5, 64)
    twin = window_network(SMALL, 5, 64)
    copy_weights(lane, twin)
    rng = np.random.default_rng(0)
    components = rng.normal(size=(1, 64, 5)).astype(np.float32)
    baseline = np.full((1, 64, 1), -5, np.float32)
    at_each_step = lane([components, baseline], training=False)
    at_the_end = twin([components, baseline[:, -1]], training=False)
    for name, steps in zip(("logits", "momentum", "log_volatility"), at_each_step, strict=True):
        np.testing.assert_allclose(steps[:, -1], at_the_end[name], rtol=1e-4, atol=1e-5)
