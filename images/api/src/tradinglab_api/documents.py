"""What is sent and answered, as pydantic models: they validate requests and make the OpenAPI page.

Used by decoding, the routes and the OpenAPI document.
"""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, Tag

from tradinglab.features.columns import SNAPSHOT_COLUMNS

WIDTH: Final = len(SNAPSHOT_COLUMNS)
LATEST_MILLISECONDS: Final = 253_402_300_800_000  # the year 10000
LARGEST_BATCH: Final = 4096
MOST_ROWS: Final = 50_000  # of 1 min bars a forecast needs 43,200 and its window
STREAM_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")

Number = Annotated[float, Field(allow_inf_nan=False)]
BarOpenTime = Annotated[
    int,
    Field(
        ge=0,
        lt=LATEST_MILLISECONDS,
        description="UTC milliseconds, a multiple of the bar's length",
    ),
]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Space(StrEnum):
    """What a row holds."""

    RAW = "raw"
    COMPONENTS = "components"


class NamedSnapshot(Strict):
    """The twelve values of one closed bar, by name."""

    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    rsi: Number
    macd: Number
    bb_high: Number
    bb_low: Number
    atr: Number
    obv: Number
    adx: Number

    def ordered(self) -> list[float]:
        return [getattr(self, name) for name in SNAPSHOT_COLUMNS]


def _form(value: object) -> str:
    return "named" if isinstance(value, dict) else "ordered"


FORMS: Final = ("named", "ordered")  # tags that pydantic puts into an error's place
OrderedSnapshot = Annotated[
    list[Number],
    Field(
        min_length=WIDTH, max_length=WIDTH, description=f"in order: {', '.join(SNAPSHOT_COLUMNS)}"
    ),
]
Snapshot = Annotated[
    Annotated[OrderedSnapshot, Tag("ordered")] | Annotated[NamedSnapshot, Tag("named")],
    Discriminator(_form),
]
Row = Annotated[list[Number | None], FailFast(), Field(min_length=1, max_length=WIDTH)]
Rows = Annotated[
    list[Row],
    FailFast(),
    Field(
        min_length=1,
        max_length=MOST_ROWS,
        description="consecutive bars, oldest first. Raw: lookback_bars rows of 12 values "
        f"({', '.join(SNAPSHOT_COLUMNS)}); null stands for an indicator that has no value yet, "
        "which only the first 27 rows may have. Components: window_bars rows of "
        "component_count values",
    ),
]


class NextRow(Strict):
    """The bar that follows a stream's last one."""

    bar_open_time: BarOpenTime
    snapshot: Snapshot


class History(Strict):
    """The last `lookback_bars` raw rows of a market."""

    bar_open_time: Annotated[BarOpenTime, Field(description="open time of the last row's bar")]
    snapshots: Rows


class ForecastInput(History):
    """One history, raw or as principal components."""

    space: Annotated[
        Space | None,
        Field(
            strict=False,
            description="what the rows hold; may be absent where their width tells: 12 is raw, "
            "component_count (unless it is 12) is components",
        ),
    ] = None
    log_volatility_baseline: Annotated[
        Number | None,
        Field(
            description="with components, which no longer tell it: log of the volatility per bar "
            "that log-HAR expects"
        ),
    ] = None


class ForecastBatch(Strict):
    """Many histories at once."""

    inputs: Annotated[
        list[ForecastInput], FailFast(), Field(min_length=1, max_length=LARGEST_BATCH)
    ]


class StreamState(Strict):
    """What the server keeps of a stream."""

    stream: str
    digest: str
    first_bar_open_time: int
    bar_open_time: Annotated[int, Field(description="of the last bar; the next is expected")]
    rows: int


class Health(Strict):
    status: str


class Readiness(Strict):
    ready: bool
    digest: Annotated[str | None, Field(description="of the artifact that is loaded")]
    reason: Annotated[str | None, Field(description="why it is not ready")] = None


class MissingRows(Strict):
    """Both bars are among the missing."""

    from_bar_open_time: int
    to_bar_open_time: int
    bars: Annotated[int, Field(ge=1)]


class ProblemDocument(Strict):
    """Problem details (RFC 9457)."""

    type: Annotated[str, Field(description="about:blank, or the problem's entry on /docs")]
    title: str
    status: int
    detail: str
    field: Annotated[str | None, Field(description="what is wrong: a field, header or path")] = None
    value: Annotated[str | None, Field(description="what was found")] = None
    expected: str | None = None
    missing: Annotated[
        MissingRows | None, Field(description="rows that a stream needs before this one")
    ] = None
    request_id: str | None = None


def encoded(document: BaseModel) -> bytes:
    """JSON without what is absent."""
    return document.__pydantic_serializer__.to_json(document, exclude_none=True)
