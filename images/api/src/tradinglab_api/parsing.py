"""From JSON to the models, and from what they refuse to a problem that names the field.

Used by decoding.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from tradinglab.features.columns import SNAPSHOT_COLUMNS
from tradinglab_api.documents import FORMS, WIDTH
from tradinglab_api.problems import Problem, unprocessable

ModelT = TypeVar("ModelT", bound=BaseModel)
WITHOUT_VALUE: Final = ("too_long", "too_short", "json_invalid", "extra_forbidden", "missing")


def parsed(model: type[ModelT], body: bytes) -> ModelT:
    """Raises Problem: 400 where the body is no JSON, 422 that names the field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] not in WITHOUT_VALUE:  # a value may be large, so only where it is shown
            first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"the body is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}",
            field="body",
            value=body[:40].decode(errors="replace"),
            expected="JSON in UTF-8",
        )
    field = _named([part for part in first["loc"] if part not in FORMS])
    expected = first["msg"].removeprefix("Input should be ")
    if first["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        raise unprocessable(field, "present", "absent", f"{field} is not a field; known: {known}")
    if first["type"] == "missing":
        raise unprocessable(field, None, "present", f"{field} is missing")
    if first["type"] in ("too_long", "too_short"):
        length = first["ctx"]["actual_length"]
        found = "too many" if length is None else length
        raise unprocessable(field, found, first["msg"], f"{field}: {first['msg']}, not {found}")
    if first["type"] in ("float_type", "finite_number"):
        expected = "a finite number"
    raise unprocessable(field, first["input"], expected)


def _named(place: Sequence[int | str]) -> str:
    """`inputs[3].snapshots[50][5] (rsi)` for an error's place."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    raw_cell = len(place) >= 2 and place[-2:-1] == ["snapshot"]
    raw_cell = raw_cell or (len(place) >= 3 and place[-3] == "snapshots")
    if raw_cell and isinstance(place[-1], int) and place[-1] < WIDTH:
        text += f" ({SNAPSHOT_COLUMNS[place[-1]]})"
    return text or "body"
