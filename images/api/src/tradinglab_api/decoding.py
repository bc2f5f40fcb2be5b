"""From a request's body to arrays: parsed once, checked by array, never value by value.

Called by the forecast route. Only when something is wrong are values looked at one by one, to
name the first bad one.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import numpy as np
import orjson

from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.market import timeframe_milliseconds
from tradinglab.features.columns import (
    BAR_COLUMNS,
    FIRST_COMPLETE_ROW,
    SNAPSHOT_COLUMNS,
    VOLUME,
    FloatArray,
)
from tradinglab_api.problems import Problem, unprocessable

FIELDS: Final = ("bar_open_time", "snapshots")
WIDTH: Final = len(SNAPSHOT_COLUMNS)
LATEST_MILLISECONDS: Final = 253_402_300_800_000  # the year 10000


@dataclass(frozen=True)
class ForecastRequest:
    """`snapshots`: (1, lookback_bars, 12), raw; its last row opened at `bar_open_time`."""

    bar_open_time: int
    snapshots: FloatArray


def decode_forecast_request(body: bytes, facts: ModelFacts) -> ForecastRequest:
    """Raises Problem that names the field, the value found and the value expected.

    `null` stands for an indicator that has no value yet, which only the first 27 rows may have.
    """
    document = _object(body)
    return ForecastRequest(
        _bar_open_time(document["bar_open_time"], timeframe_milliseconds(facts.timeframe)),
        _snapshots(document["snapshots"], facts.lookback_bars, _has_other_than_numbers(body))[None],
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"the body is not JSON with finite numbers: {error}",
            field="body",
            value=body[max(0, error.pos - 20) : error.pos + 20].decode(errors="replace"),
            expected="a JSON object with finite numbers",
        ) from None
    if not isinstance(document, dict):
        raise unprocessable("body", _kind(document), f"an object with {' and '.join(FIELDS)}")
    for name in document:
        if name not in FIELDS:
            raise unprocessable(
                name, "present", "absent", f"{name} is not a field; known: {', '.join(FIELDS)}"
            )
    for name in FIELDS:
        if name not in document:
            raise unprocessable(name, None, "present", f"{name} is missing")
    return document


def _has_other_than_numbers(body: bytes) -> bool:
    """Could a row hold text or a truth value? Both field names bring two quotes."""
    return body.count(b'"') > 2 * len(FIELDS) or b"true" in body or b"false" in body


def _bar_open_time(value: object, bar_milliseconds: int) -> int:
    expected = f"UTC milliseconds, a multiple of {bar_milliseconds}"
    if type(value) is not int:
        raise unprocessable("bar_open_time", _kind(value), expected)
    if not 0 <= value < LATEST_MILLISECONDS or value % bar_milliseconds:
        raise unprocessable("bar_open_time", value, expected)
    return value


def _snapshots(rows: object, lookback_bars: int, suspicious: bool) -> FloatArray:
    expected = f"{lookback_bars} rows of {WIDTH} values"
    if not isinstance(rows, list):
        raise unprocessable("snapshots", _kind(rows), expected)
    if len(rows) != lookback_bars:
        raise unprocessable(
            "snapshots",
            len(rows),
            expected,
            f"snapshots has {len(rows)} rows, expected {expected}",
        )
    if suspicious:
        _refuse_first_bad_value(rows)
    try:
        values = np.asarray(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        _refuse_first_bad_value(rows)
        raise unprocessable("snapshots", "rows of different shapes", expected) from None
    if values.shape != (lookback_bars, WIDTH):
        _refuse_first_bad_value(rows)
    absent = ~np.isfinite(values)
    if absent.any():
        absent[:FIRST_COMPLETE_ROW, len(BAR_COLUMNS) :] = False
        for row, column in np.argwhere(absent)[:1].tolist():
            raise unprocessable(_name(row, column), None, "a finite number")
    _refuse_impossible_bars(values)
    return values


def _refuse_impossible_bars(values: FloatArray) -> None:
    for row, column in np.argwhere(values[:, :VOLUME] <= 0)[:1].tolist():
        raise unprocessable(_name(row, column), values[row, column], "a price above 0")
    for row in np.flatnonzero(values[:, VOLUME] < 0)[:1].tolist():
        raise unprocessable(_name(row, VOLUME), values[row, VOLUME], "a volume of 0 or more")


def _refuse_first_bad_value(rows: list[Any]) -> None:
    for i, row in enumerate(rows):
        if not isinstance(row, list):
            raise unprocessable(f"snapshots[{i}]", _kind(row), f"{WIDTH} values")
        if len(row) != WIDTH:
            detail = f"snapshots[{i}] has {len(row)} values, expected {WIDTH}"
            raise unprocessable(f"snapshots[{i}]", len(row), f"{WIDTH} values", detail)
        for j, value in enumerate(row):
            if type(value) not in (int, float, type(None)):
                raise unprocessable(_name(i, j), _kind(value), "a finite number")


def _name(row: int, column: int) -> str:
    return f"snapshots[{row}][{column}] ({SNAPSHOT_COLUMNS[column]})"


def _kind(value: object) -> object:
    """What to show of a value: containers by their kind only."""
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else value
