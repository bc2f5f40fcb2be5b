"""Large batches as one npy array of records: the names of the JSON document, no text to parse.

    [("bar_open_time", "<i8"), ("snapshots", "<f8", (lookback_bars, 12))]
    [("bar_open_time", "<i8"), ("snapshots", "<f4", (window_bars, k)),
     ("log_volatility_baseline", "<f8")]

Called by the batch route. float32 or float64; nothing is unpickled, and nothing is allocated that
the body does not hold.
"""

import io
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
EXPECTED: Final = "an npy array of records with bar_open_time and snapshots"


def decode_records(
    body: bytes, decoder: Decoder, shapes: dict[Space, tuple[int, int]], space: Space | None
) -> RawWindows | ComponentWindows:
    """`shapes`: of one window's rows in either space. Raises Problem that names the field."""
    records = _records(body)
    if not 1 <= len(records) <= LARGEST_BATCH:
        raise unprocessable("body", f"{len(records)} records", f"1 to {LARGEST_BATCH} records")
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
    stream = io.BytesIO(body)
    try:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} is not 1.0 or 2.0")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)
    except (ValueError, TypeError, SyntaxError, EOFError, RecursionError, MemoryError) as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"the body is no npy array: {str(error)[:200]}",
            field="body",
            value=body[:12].hex(" "),
            expected=EXPECTED,
        ) from None
    named = dtype.names is not None and {"bar_open_time", "snapshots"} <= set(dtype.names)
    if not named or dtype.hasobject or len(shape) != 1 or (fortran_order and len(shape) > 1):
        raise unprocessable("body", f"{str(dtype)[:200]} of shape {shape}", EXPECTED)
    left = len(body) - stream.tell()
    if dtype.itemsize * shape[0] != left:
        raise unprocessable("body", f"{left} bytes", f"{dtype.itemsize} bytes for each record")
    return np.frombuffer(body, dtype, shape[0], stream.tell())


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
