"""Looks over a whole history before a model is trained on it: what it is, and what is odd in it.

Called by the trainer through the bars store's `describe`. What no model can learn from is an
error; what a market really does (outages, halts, wicks) is listed in the manifest.
"""

import hashlib
from itertools import pairwise
from typing import Final

import numpy as np

from tradinglab.artifact.manifest import DataRange, Gap, Outlier, Stretch
from tradinglab.errors import DataError
from tradinglab.features.columns import CLOSE, VOLUME, FloatArray
from tradinglab.features.verification import Flags, Times, first_problem

LISTED: Final = 100  # of each kind, the greatest, in time order: a manifest stays small
NEIGHBOURHOOD_BARS: Final = 120  # on either side of a bar: what moves are usual there
OUTLIER_MOVES: Final = 8.0  # usual moves; real hourly and 1 min bars show one in 14,000 or fewer
WICK_FACTOR: Final = 1.5  # the widest wick of six years of hourly bars is 1.17
MISPLACED_FACTOR: Final = 5.0  # the greatest real move out and back is 1.13, a decimal place is 10
MISPLACED_BARS: Final = 24


def examine(times: Times, values: FloatArray, bar_milliseconds: int) -> DataRange:
    """Range, hash, gaps, stretches without volume and outliers. `values`: (n, 5), BAR_COLUMNS.

    Raises DataError, naming bar and column, when a row breaks a rule, when nothing was ever
    traded, when the price never moves, or when a close is off by a decimal place.
    """
    if len(times) < 2:
        raise DataError(f"history has {len(times)} bars, expected at least 2")
    problem = first_problem(times, values, bar_milliseconds)
    if problem is not None:
        raise DataError(
            f"bar {times[problem.row]}: {problem.column} is {problem.value}, "
            f"expected {problem.expected}"
        )
    close, volume = values[:, CLOSE], values[:, VOLUME]
    if not volume.any():
        raise DataError(
            f"volume is 0 in all {len(times)} bars: nothing was traded, no model can be trained"
        )
    if (close == close[0]).all():
        raise DataError(
            f"close is {close[0]} in all {len(times)} bars: the price never moves, no model can be "
            f"trained"
        )
    returns = np.diff(np.log(close))
    _refuse_misplaced(times, close, returns)
    missing = np.diff(times) // bar_milliseconds - 1
    gaps = np.flatnonzero(missing)
    starts, lengths = _stretches(volume == 0)
    digest = hashlib.sha256(np.ascontiguousarray(times).data)
    digest.update(np.ascontiguousarray(values).reshape(-1).data)
    return DataRange(
        start=int(times[0]),
        end=int(times[-1]),
        bars=len(times),
        sha256=digest.hexdigest(),
        missing_bars=int(missing.sum()),
        gap_count=len(gaps),
        gaps=tuple(
            Gap(after=int(times[i]), missing_bars=int(missing[i]))
            for i in gaps[_greatest(missing[gaps])]
        ),
        zero_volume_bars=int(lengths.sum()),
        zero_volume=tuple(
            Stretch(start=int(times[starts[i]]), bars=int(lengths[i])) for i in _greatest(lengths)
        ),
        outliers=_outliers(times, values, returns),
    )


def _greatest(sizes: FloatArray | Times) -> Times:
    """Positions of the LISTED greatest, ascending."""
    return np.sort(np.argsort(-sizes, kind="stable")[:LISTED])


def _stretches(flags: Flags) -> tuple[Times, Times]:
    """First rows and lengths of the runs of true rows."""
    edges = np.diff(flags.astype(np.int8), prepend=0, append=0)
    starts = np.flatnonzero(edges == 1)
    return starts, np.flatnonzero(edges == -1) - starts


def _refuse_misplaced(times: Times, close: FloatArray, returns: FloatArray) -> None:
    """A close that leaves by a factor of 5 and is back within a day of bars is no market's."""
    jumps = np.flatnonzero(np.abs(returns) >= np.log(MISPLACED_FACTOR))
    for out, back in pairwise(jumps):
        reverts = abs(returns[out] + returns[back]) <= np.log(2)
        if back - out <= MISPLACED_BARS and reverts:
            raise DataError(
                f"bar {times[out + 1]}: close is {close[out + 1]} between {close[out]} before and "
                f"{close[back + 1]} at bar {times[back + 1]}, expected prices of one scale "
                f"(a misplaced decimal point?)"
            )


def _outliers(times: Times, values: FloatArray, returns: FloatArray) -> tuple[Outlier, ...]:
    """Closes that leave both neighbours and revert, and wicks far from the bar's body."""
    open_, high, low, close, _ = values.T
    found = [
        Outlier(open_time=int(times[i]), column="close", value=close[i], reference=close[i - 1])
        for i in _spikes(returns)
    ]
    found += [
        Outlier(open_time=int(times[i]), column="high", value=high[i], reference=close[i])
        for i in _far(high / np.maximum(open_, close))
    ]
    found += [
        Outlier(open_time=int(times[i]), column="low", value=low[i], reference=close[i])
        for i in _far(np.minimum(open_, close) / low)
    ]
    return tuple(sorted(found, key=lambda outlier: outlier.open_time))


def _far(wicks: FloatArray) -> Times:
    rows = np.flatnonzero(wicks >= WICK_FACTOR)
    return np.asarray(rows[_greatest(wicks[rows])], np.int64)


def _spikes(returns: FloatArray) -> Times:
    """Rows whose close is OUTLIER_MOVES usual moves away from both neighbours, which agree.

    A usual move is the mean absolute return of the neighbourhood, at least the whole's median.
    """
    if len(returns) < 3:
        return np.empty(0, np.int64)
    moves = np.abs(returns)
    into, out_of = returns[:-1], returns[1:]
    away = np.minimum(moves[:-1], moves[1:])
    rows = np.arange(1, len(returns))
    total = np.concatenate(([0.0], np.cumsum(moves)))
    first = np.maximum(rows - NEIGHBOURHOOD_BARS, 0)
    last = np.minimum(rows + NEIGHBOURHOOD_BARS, len(returns))
    usual = np.maximum((total[last] - total[first]) / (last - first), np.median(moves))
    spiked = (into * out_of < 0) & (np.abs(into + out_of) <= away / 2)
    spiked &= away > OUTLIER_MOVES * usual
    candidates = np.flatnonzero(spiked)
    return rows[candidates[_greatest(away[candidates] / usual[candidates])]]
