"""Named streams: the last rows of each series that clients continue bar by bar.

Used by the stream routes. In memory only, of a bounded number: the one that was not asked for
longest makes room. Losing one costs its client a history, never a wrong forecast.
"""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradinglab.features.columns import BAR_COLUMNS, SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.pipeline import Pipeline
from tradinglab.features.rolling import OBV, RollingWindow
from tradinglab.logs import fields
from tradinglab_api.documents import MissingRows, StreamState
from tradinglab_api.problems import COLD, CONFLICT, GAP, PAST, Problem

log = logging.getLogger(__name__)

# Indicators that were computed from another first bar differ by as much as rounding.
RELATIVE_TOLERANCE: Final = 1e-9
NetworkInput = tuple[NDArray[np.float32], FloatArray]


@dataclass
class Stream:
    """`bar_open_time`: of the last row."""

    rolling: RollingWindow
    bar_open_time: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def network_input(self) -> NetworkInput:
        """Copies, (1, window, k) and (1,): the stream may go on."""
        components, baseline = self.rolling.window()
        return np.array(components, np.float32)[None], np.array([baseline])


class Streams:
    """Safe to share between threads. Refusals are Problems with status 409 or 404."""

    def __init__(self, digest: str, pipeline: Pipeline, max_streams: int, max_bytes: int) -> None:
        self._digest = digest
        self._pipeline = pipeline
        self._max_streams = max_streams
        self._max_bytes = max_bytes
        self._streams: OrderedDict[str, Stream] = OrderedDict()
        self._lock = threading.Lock()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._streams)

    def replace(self, name: str, bar_open_time: int, history: FloatArray) -> NetworkInput:
        """Begins the stream, or begins it anew; `history`: (lookback_bars, 12)."""
        stream = Stream(RollingWindow(self._pipeline, history), bar_open_time)
        made = stream.network_input()
        size = stream.rolling.size_bytes
        with self._lock:
            self._streams[name] = stream
            self._streams.move_to_end(name)
            while len(self._streams) > 1 and (
                len(self._streams) > self._max_streams
                or len(self._streams) * size > self._max_bytes
            ):
                oldest, _ = self._streams.popitem(last=False)
                self.evicted += 1
                log.debug("stream made room", extra=fields(stream=oldest))
        log.debug("stream begun", extra=fields(stream=name, bar_open_time=bar_open_time))
        return made

    def extend(self, name: str, bar_open_time: int, row: FloatArray) -> NetworkInput:
        """Continues the stream by one row, (12,); its last row again changes nothing."""
        with self._lock:
            stream = self._streams.get(name)
            if stream is not None:
                self._streams.move_to_end(name)
        if stream is None:
            raise self._cold(name, bar_open_time)
        with stream.lock:
            ahead = bar_open_time - stream.bar_open_time
            if ahead == self._pipeline.bar_milliseconds:
                stream.rolling.append(row)
                stream.bar_open_time = bar_open_time
            elif ahead > 0:
                raise self._gap(name, bar_open_time, stream.bar_open_time)
            else:
                self._check_known(name, stream, bar_open_time, row)
            return stream.network_input()

    def state(self, name: str) -> StreamState:
        with self._lock:
            stream = self._streams.get(name)
        if stream is None:
            raise _unknown(name)
        with stream.lock:
            bar_open_time = stream.bar_open_time
        lookback = self._pipeline.lookback_bars
        return StreamState(
            stream=name,
            digest=self._digest,
            first_bar_open_time=bar_open_time - (lookback - 1) * self._pipeline.bar_milliseconds,
            bar_open_time=bar_open_time,
            rows=lookback,
        )

    def forget(self, name: str) -> None:
        with self._lock:
            if self._streams.pop(name, None) is None:
                raise _unknown(name)

    def _missing(self, first: int, bar_open_time: int) -> MissingRows:
        length = self._pipeline.bar_milliseconds
        earliest = bar_open_time - (self._pipeline.lookback_bars - 1) * length
        first, last = max(first, earliest), bar_open_time - length
        return MissingRows(
            from_bar_open_time=first,
            to_bar_open_time=last,
            bars=(last - first) // length + 1,
        )

    def _cold(self, name: str, bar_open_time: int) -> Problem:
        missing = self._missing(
            bar_open_time - (self._pipeline.lookback_bars - 1) * self._pipeline.bar_milliseconds,
            bar_open_time,
        )
        return Problem(
            HTTPStatus.CONFLICT,
            f"stream {name} is not known here: before bar {bar_open_time} it needs "
            f"{_told(missing)}; send the history with PUT",
            field="stream",
            value=name,
            expected=f"a stream begun with {self._pipeline.lookback_bars} rows",
            kind=COLD,
            missing=missing,
        )

    def _gap(self, name: str, bar_open_time: int, last: int) -> Problem:
        missing = self._missing(last + self._pipeline.bar_milliseconds, bar_open_time)
        return Problem(
            HTTPStatus.CONFLICT,
            f"stream {name} ends with bar {last}: before bar {bar_open_time} it needs "
            f"{_told(missing)}; send these rows one by one, or a history with PUT",
            field="bar_open_time",
            value=bar_open_time,
            expected=str(last + self._pipeline.bar_milliseconds),
            kind=GAP,
            missing=missing,
        )

    def _check_known(self, name: str, stream: Stream, bar_open_time: int, row: FloatArray) -> None:
        """Raises unless `row` is the stream's last one again."""
        last, length = stream.bar_open_time, self._pipeline.bar_milliseconds
        behind = (last - bar_open_time) // length
        if behind < self._pipeline.lookback_bars:
            known = stream.rolling.rows[-1 - behind]
            column = _first_difference(known, row)
            if column is not None:
                name_of_column = SNAPSHOT_COLUMNS[column]
                raise Problem(
                    HTTPStatus.CONFLICT,
                    f"stream {name} has another row for bar {bar_open_time}: {name_of_column} is "
                    f"{float(row[column])!r}, expected {float(known[column])!r}; to replace the "
                    "stream's rows, send a history with PUT",
                    field=f"snapshot[{column}] ({name_of_column})",
                    value=float(row[column]),
                    expected=repr(float(known[column])),
                    kind=CONFLICT,
                )
        if behind:
            raise Problem(
                HTTPStatus.CONFLICT,
                f"stream {name} has gone on to bar {last}: bar {bar_open_time} is past; for a "
                "forecast of a past bar, send its history to /v1/forecast",
                field="bar_open_time",
                value=bar_open_time,
                expected=f"{last} or {last + length}",
                kind=PAST,
            )


def _first_difference(known: FloatArray, row: FloatArray) -> int | None:
    """The first column that tells another bar. OBV cannot: its level is arbitrary."""
    differs = known != row
    indicators = slice(len(BAR_COLUMNS), None)
    scale = RELATIVE_TOLERANCE * (np.abs(known[indicators]) + known[:1])
    differs[indicators] &= np.abs(known[indicators] - row[indicators]) > scale
    differs[OBV] = False
    return int(differs.argmax()) if differs.any() else None


def _told(missing: MissingRows) -> str:
    first, last = missing.from_bar_open_time, missing.to_bar_open_time
    return f"the {missing.bars} rows of bars {first} to {last}"


def _unknown(name: str) -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        f"there is no stream {name}",
        field="stream",
        value=name,
        expected="a stream that was begun with PUT",
    )
