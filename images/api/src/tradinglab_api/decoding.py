"""From a request's body to arrays: parsed and checked by the models, then by array.

Called by the routes. Only when something is wrong are values looked at one by one, to name the
first bad one.
"""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.market import timeframe_milliseconds
from tradinglab.features.columns import (
    BAR_COLUMNS,
    FIRST_COMPLETE_ROW,
    SNAPSHOT_COLUMNS,
    VOLUME,
    FloatArray,
)
from tradinglab_api.documents import (
    LATEST_MILLISECONDS,
    WIDTH,
    ForecastBatch,
    ForecastInput,
    History,
    NamedSnapshot,
    NextRow,
    Space,
)
from tradinglab_api.extent import Extent, of_a_batch, of_one_history
from tradinglab_api.parsing import ModelT, parsed
from tradinglab_api.problems import unprocessable

LARGE_BODY_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class RawWindows:
    """`snapshots`: (n, lookback_bars, 12); the last rows opened at `bar_open_times`."""

    bar_open_times: list[int]
    snapshots: FloatArray


@dataclass(frozen=True)
class ComponentWindows:
    """`components`: (n, window_bars, k); `baseline`: (n,)."""

    bar_open_times: list[int]
    components: NDArray[np.floating]
    baseline: FloatArray


class Decoder:
    """Knows what the artifact in service takes. Everything raises Problem that names the field."""

    def __init__(self, facts: ModelFacts) -> None:
        self._bar_milliseconds = timeframe_milliseconds(facts.timeframe)
        self._lookback_bars = facts.lookback_bars
        self._components_shape = (facts.window_bars, facts.component_count or 0)
        self._one = of_one_history(facts.lookback_bars)
        self._many = of_a_batch(facts.window_bars)
        self._large_body = threading.Lock()

    def next_row(self, body: bytes) -> tuple[int, FloatArray]:
        """A stream's next bar: its open time and (12,)."""
        found = self._parsed(NextRow, body, self._one)
        given = found.snapshot
        named = isinstance(given, NamedSnapshot)
        values = given.ordered() if isinstance(given, NamedSnapshot) else given
        self.check_time(found.bar_open_time, "bar_open_time")
        for column, value in enumerate(values[:VOLUME]):
            if value <= 0:
                raise unprocessable(row_field(column, named), value, "a price above 0")
        if values[VOLUME] < 0:
            raise unprocessable(row_field(VOLUME, named), values[VOLUME], "a volume of 0 or more")
        return found.bar_open_time, np.array(values, np.float64)

    def history(self, body: bytes) -> tuple[int, FloatArray]:
        """Last bar's open time and (lookback_bars, 12)."""
        found = self._parsed(History, body, self._one)
        self.check_time(found.bar_open_time, "bar_open_time")
        return found.bar_open_time, self._raw(found.snapshots, "snapshots")

    def one(self, body: bytes) -> RawWindows | ComponentWindows:
        return self._windows([self._parsed(ForecastInput, body, self._one)], [""])

    def many(self, body: bytes) -> RawWindows | ComponentWindows:
        inputs = self._parsed(ForecastBatch, body, self._many).inputs
        return self._windows(inputs, [f"inputs[{i}]." for i in range(len(inputs))])

    def check_time(self, bar_open_time: int, field: str) -> None:
        if not 0 <= bar_open_time < LATEST_MILLISECONDS or bar_open_time % self._bar_milliseconds:
            expected = f"UTC milliseconds, a multiple of {self._bar_milliseconds}"
            raise unprocessable(field, bar_open_time, expected)

    def space(self, width: int, given: Space | None, where: str) -> Space:
        """As given, or as the width tells."""
        widths = {Space.RAW: WIDTH, Space.COMPONENTS: self._components_shape[1]}
        fitting = [space for space, each in widths.items() if each == width]
        expected = f"{WIDTH} raw values or {widths[Space.COMPONENTS]} components"
        if given is None:
            if len(fitting) == 2:
                raise unprocessable(
                    f"{where}space", None, "raw or components: both have this width"
                )
            if not fitting:
                detail = f"{where}snapshots[0] has {width} values, expected {expected}"
                raise unprocessable(f"{where}snapshots[0]", width, expected, detail)
            return fitting[0]
        if width != widths[given]:
            expected = f"{widths[given]} values with space {given.value}"
            detail = f"{where}snapshots[0] has {width} values, expected {expected}"
            raise unprocessable(f"{where}snapshots[0]", width, expected, detail)
        return given

    def _parsed(self, model: type[ModelT], body: bytes, extent: Extent) -> ModelT:
        """Of the large bodies one at a time: parsed, they take many times their size."""
        extent.check(body)
        with self._large_body if len(body) > LARGE_BODY_BYTES else nullcontext():
            return parsed(model, body)

    def _windows(
        self, inputs: Sequence[ForecastInput], prefixes: Sequence[str]
    ) -> RawWindows | ComponentWindows:
        times, spaces = [], []
        for each, prefix in zip(inputs, prefixes, strict=True):
            self.check_time(each.bar_open_time, f"{prefix}bar_open_time")
            times.append(each.bar_open_time)
            spaces.append(self.space(len(each.snapshots[0]), each.space, prefix))
            if spaces[-1] is not spaces[0]:
                raise unprocessable(f"{prefix}space", spaces[-1].value, spaces[0].value)
            if (each.log_volatility_baseline is None) is (spaces[-1] is Space.COMPONENTS):
                expected = "a number" if spaces[-1] is Space.COMPONENTS else "absent with raw rows"
                found = each.log_volatility_baseline
                raise unprocessable(f"{prefix}log_volatility_baseline", found, expected)
        pairs = list(zip(inputs, prefixes, strict=True))
        if spaces[0] is Space.RAW:
            rows = [self._raw(each.snapshots, f"{prefix}snapshots") for each, prefix in pairs]
            return RawWindows(times, np.stack(rows))
        return ComponentWindows(
            times,
            np.stack([self._components(e.snapshots, f"{prefix}snapshots") for e, prefix in pairs]),
            np.array([each.log_volatility_baseline for each in inputs], np.float64),
        )

    def _raw(self, rows: list[list[float | None]], field: str) -> FloatArray:
        values = _array(rows, (self._lookback_bars, WIDTH), field)
        check_raw(values, field)
        return values

    def _components(self, rows: list[list[float | None]], field: str) -> FloatArray:
        values = _array(rows, self._components_shape, field)
        for row, column in np.argwhere(~np.isfinite(values))[:1].tolist():
            raise unprocessable(f"{field}[{row}][{column}]", None, "a finite number")
        return values


def check_raw(values: FloatArray, field: str) -> None:
    """`values`: (lookback_bars, 12). Raises Problem that names the first impossible one."""
    absent = ~np.isfinite(values)
    if absent.any():
        absent[:FIRST_COMPLETE_ROW, len(BAR_COLUMNS) :] = False
        for row, column in np.argwhere(absent)[:1].tolist():
            value = values[row, column]
            found = None if np.isnan(value) else float(value)
            raise unprocessable(_cell(field, row, column), found, "a finite number")
    for row, column in np.argwhere(values[:, :VOLUME] <= 0)[:1].tolist():
        value = float(values[row, column])
        raise unprocessable(_cell(field, row, column), value, "a price above 0")
    for row in np.flatnonzero(values[:, VOLUME] < 0)[:1].tolist():
        value = float(values[row, VOLUME])
        raise unprocessable(_cell(field, row, VOLUME), value, "a volume of 0 or more")


def row_field(column: int, named: bool) -> str:
    name = SNAPSHOT_COLUMNS[column]
    return f"snapshot.{name}" if named else f"snapshot[{column}] ({name})"


def _array(rows: list[list[float | None]], shape: tuple[int, int], field: str) -> FloatArray:
    expected = f"{shape[0]} rows of {shape[1]} values"
    if len(rows) != shape[0]:
        detail = f"{field} has {len(rows)} rows, expected {expected}"
        raise unprocessable(field, len(rows), expected, detail)
    for i, row in enumerate(rows):
        if len(row) != shape[1]:
            detail = f"{field}[{i}] has {len(row)} values, expected {shape[1]}"
            raise unprocessable(f"{field}[{i}]", len(row), f"{shape[1]} values", detail)
    return np.array(rows, np.float64)


def _cell(field: str, row: int, column: int) -> str:
    return f"{field}[{row}][{column}] ({SNAPSHOT_COLUMNS[column]})"
