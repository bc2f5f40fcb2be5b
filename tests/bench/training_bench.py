"""What lanes save: one epoch over five years of hourly bars beside plain overlapping windows.

    python -m tests.bench.training_bench --bars bars.csv.gz

Both train the same network from the same first weights on the same slice, three seeds each; both
are scored on the same early-stopping slice after every epoch, and the best epoch counts.
"""

import argparse
import os
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from tests.bench.results import record
from tests.market_data import HOURLY

HOUR, WINDOW, HORIZON = 3_600_000, 60, 24
BARS, EPOCHS, BATCH = 43_800, 30, 256
SEEDS = (7, 8, 9)


def bars_of(file: Path) -> tuple[str, pd.DataFrame]:
    from tradinglab.adapters.bars_frame import bars_frame, read_bars_file
    from tradinglab.domain.market import Market

    if file.exists():
        bars = read_bars_file(file, Market("binance", "BTC/USDT", "1h"))
        return file.name, bars.iloc[-BARS:]
    from tradinglab_exchange.seeded import candles

    rows = np.array(
        [
            (c.open_time, c.open, c.high, c.low, c.close, c.volume)
            for c in islice(candles(7, "1h"), BARS)
        ]
    )
    return "the seeded market", bars_frame(rows[:, 0].astype(np.int64), rows[:, 1:])


def overlapping(dataset, prepared, fold, hyperparameters, seed) -> tuple[list[float], float]:
    """Every usable row's window, shuffled, each bar processed WINDOW times an epoch."""
    import keras
    import tensorflow as tf

    from tradinglab_trainer import fitting
    from tradinglab_trainer.network import window_network

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    count = prepared.pipeline.normaliser.component_count
    network = window_network(hyperparameters, count, WINDOW)
    variables = [each.value for each in network.trainable_variables]
    adam = fitting._Adam(variables, hyperparameters.learning_rate)
    score = fitting._StopScore(dataset, prepared, fold.stop, network)
    rows = dataset.rows(*fold.train)

    @tf.function(reduce_retracing=True)
    def step(windows, baseline, classes, momentum, volatility):
        with tf.GradientTape() as tape:
            answer = network([windows, baseline], training=True)
            outputs = tuple(answer[name] for name in ("logits", "momentum", "log_volatility"))
            loss = fitting._training_loss(
                outputs, (classes, momentum, volatility), tf.ones_like(momentum), hyperparameters
            )
            total = loss + tf.add_n(network.losses)
        adam.apply(tape.gradient(total, variables))

    scores, seconds = [], 0.0
    for epoch in range(EPOCHS):
        order = np.random.default_rng(seed + epoch).permutation(rows)
        began = time.process_time()
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            baseline = tf.constant(prepared.baseline[batch][:, None], tf.float32)
            step(tf.constant(prepared.windows(batch)), baseline, *fitting._targets(prepared, batch))
        if epoch:  # the first one also compiles
            seconds += time.process_time() - began
        scores.append(score())
        if epoch - int(np.argmin(scores)) >= fitting.PATIENCE:
            break
    return scores, seconds / (len(scores) - 1)


def lanes(dataset, prepared, fold, hyperparameters, seed) -> tuple[list[float], float]:
    from tradinglab_trainer.fitting import fit

    marks = []
    fitted = fit(
        dataset, prepared, fold.train, fold.stop, hyperparameters, EPOCHS, seed,
        lambda _: marks.append(time.process_time()),
    )  # fmt: skip
    return [each.stop for each in fitted.history], (marks[-1] - marks[0]) / (len(marks) - 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=Path, default=HOURLY)
    given = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    from tradinglab_trainer.dataset import make_dataset, walk_forward
    from tradinglab_trainer.network import Hyperparameters
    from tradinglab_trainer.preparation import prepare

    name, bars = bars_of(given.bars)
    dataset = make_dataset(bars, HOUR, WINDOW, HORIZON)
    fold = walk_forward(dataset, 1)[0]
    fold = replace(fold, train=(fold.train[0], fold.test[1] - len(bars) // 10))
    fold = replace(fold, stop=(fold.train[1] + HORIZON, fold.test[1]))
    prepared = prepare(dataset, fold.train, 0.95, 7)
    print(f"{name}: {fold.train[1] - fold.train[0]} bars to train on, {EPOCHS} epochs a seed")
    best: dict[str, list[float]] = {}
    cost: dict[str, list[float]] = {}
    for label, train, hyperparameters in (
        ("overlapping windows", overlapping, Hyperparameters()),
        ("8 lanes", lanes, Hyperparameters(lanes=8)),
        ("16 lanes", lanes, Hyperparameters(lanes=16)),
        ("32 lanes", lanes, Hyperparameters(lanes=32)),
    ):
        runs = [train(dataset, prepared, fold, hyperparameters, seed) for seed in SEEDS]
        best[label] = [min(scores) for scores, _ in runs]
        cost[label] = [seconds for _, seconds in runs]
        print(
            f"{label:20} {np.mean(cost[label]):7.2f} CPU-s an epoch, best score "
            f"{np.mean(best[label]):.4f} ± {np.std(best[label], ddof=1) / len(SEEDS) ** 0.5:.4f}"
        )
    plain, ours = "overlapping windows", "16 lanes"
    ratio = np.mean(cost[plain]) / np.mean(cost[ours])
    error = np.hypot(*(np.std(best[each], ddof=1) / len(SEEDS) ** 0.5 for each in (plain, ours)))
    excess = (np.mean(best[ours]) - np.mean(best[plain])) / error
    record("training: lanes against windows, CPU", ratio, "times", ">= 10")
    record("training: lanes' score over windows'", excess, "standard errors", "<= 1")


if __name__ == "__main__":
    main()
