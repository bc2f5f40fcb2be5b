"""Large batches as one npy array of records: the names of the JSON document, no text to parse.

    [("bar_open_time", "<i8"), ("snapshots", "<f8", (lookback_bars, 12))]
    [("bar_open_time", "<i8"), ("snapshots", "<f4", (window_bars, k)),
     ("log_volatility_baseline", "<f8")]

Called by the batch route. float32 or float64; nothing is unpickled, and nothing is allocated that
the body does not hold.
"""

import ast
from http import HTTPStatus
from typing import Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tradinglab_api.decoding import ComponentWindows, Decoder, RawWindows, check_raw
from tradinglab_api.documents import LARGEST_BATCH, Space
from tradinglab_api.problems import Problem, unprocessable

NPY: Final = "application/x-npy"
BASELINE: Final = "log_volatility_baseline"
LONGEST_HEADER: Final = 4096
MALFORMED: Final = (
    ValueError, TypeError, LookupError, SyntaxError, ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip
EXPECTED: Final = "an npy array of records with bar_open_time and snapshots"


def decode_records(
    body: bytes, decoder: Decoder, shapes: dict[Space, tuple[int, int]], space: Space | None
) -> RawWindows | ComponentWindows:
    """`shapes`: of one window's rows in either space. Raises Problem that names the field."""
    records = _records(body)
    times = _times(records)
    for i, time in enumerate(times):
        decoder.check_time(time, f"[{i}].bar_open_time")
    shape = records.dtype["snapshots"].shape
    found = decoder.space(shape[-1] if shape else 0, space, "")
    if shape != shapes[found]:
        raise unprocessable("snapshots", f"shape {shape}", f"shape {shapes[found]}")
    names = {"bar_open_time", "snapshots"} | ({BASELINE} if found is Space.COMPONENTS else set())
    if set(records.dtype.names or ()) != names:
        listed = ", ".join(records.dtype.names or ())
        raise unprocessable(
            "body", f"records of {listed}", f"records of {', '.join(sorted(names))}"
        )
    rows = _floats(records, "snapshots")
    if found is Space.RAW:
        values = rows.astype(np.float64)
        for i, history in enumerate(values):
            check_raw(history, f"[{i}].snapshots")
        return RawWindows(times, values)
    baseline = _floats(records, BASELINE).astype(np.float64)
    for i in np.flatnonzero(~np.isfinite(baseline))[:1].tolist():
        raise unprocessable(f"[{i}].{BASELINE}", str(baseline[i]), "a finite number")
    for i, row, column in np.argwhere(~np.isfinite(rows))[:1].tolist():
        field = f"[{i}].snapshots[{row}][{column}]"
        raise unprocessable(field, str(rows[i, row, column]), "a finite number")
    return ComponentWindows(times, rows, baseline)


def _records(body: bytes) -> NDArray[np.void]:
    try:
        shape, dtype, start = _header(body)
    except MALFORMED as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"the body is no npy array: {str(error)[:200]}",
            field="body",
            value=body[:12].hex(" "),
            expected=EXPECTED,
        ) from None
    named = dtype.names is not None and {"bar_open_time", "snapshots"} <= set(dtype.names)
    if not named or dtype.hasobject or not dtype.itemsize or len(shape) != 1:
        raise unprocessable("body", f"{str(dtype)[:200]} of shape {shape}", EXPECTED)
    if not 1 <= shape[0] <= LARGEST_BATCH:
        raise unprocessable("body", f"{shape[0]} records", f"1 to {LARGEST_BATCH} records")
    if dtype.itemsize * shape[0] != len(body) - start:
        found = f"{len(body) - start} bytes"
        raise unprocessable("body", found, f"{shape[0]} records of {dtype.itemsize} bytes")
    return np.frombuffer(body, dtype, shape[0], start)


def _header(body: bytes) -> tuple[tuple[int, ...], np.dtype[np.void], int]:
    """Shape, type and where the data begins (NEP 1, versions 1.0 and 2.0)."""
    width = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}.get(body[:8])
    if width is None:
        raise ValueError("it does not begin as npy 1.0 or 2.0 does")
    start = 8 + width + int.from_bytes(body[8 : 8 + width], "little")
    if start > LONGEST_HEADER:
        raise ValueError(f"its header has {start} bytes, expected at most {LONGEST_HEADER}")
    header = ast.literal_eval(body[8 + width : start].decode("latin-1").strip())
    shape = header["shape"]
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"its shape is {shape!r}")
    return shape, npy.descr_to_dtype(header["descr"]), start


def _times(records: NDArray[np.void]) -> list[int]:
    times = records["bar_open_time"]
    if times.dtype.kind not in "iu" or times.ndim != 1:
        raise unprocessable("bar_open_time", str(times.dtype), "int64")
    return [int(time) for time in times]


def _floats(records: NDArray[np.void], name: str) -> NDArray[np.floating]:
    values = records[name]
    if values.dtype.kind != "f" or values.dtype.itemsize not in (4, 8):
        raise unprocessable(name, str(values.dtype), "float32 or float64")
    return values
