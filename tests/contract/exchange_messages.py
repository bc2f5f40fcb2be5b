"""Recorded messages of the real exchange, and the comparison of ours with them."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

SHARED_DATA = Path(
    os.environ.get(
        "TRADINGLAB_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"
    )
)
MESSAGES = SHARED_DATA / "binance_messages"
_EIGHT_PLACES = re.compile(r"^-?\d+\.\d{8}$")


def _text(name: str) -> str:
    file = MESSAGES / name
    if not file.exists():
        pytest.skip(f"recorded messages are absent: {file} (set TRADINGLAB_SHARED_DATA)")
    return file.read_text()


def document(name: str) -> Any:
    """A JSON file as it is."""
    return json.loads(_text(name))


def exchange_of(name: str, path: str) -> dict[str, Any]:
    """The recorded HTTP exchange with that path among those of a file; `body` parsed."""
    for recorded in json.loads(_text(f"binance_ex/{name}.json")):
        if recorded["url"].endswith(path):
            return {**recorded, "body": json.loads(recorded["body"])}
    raise LookupError(f"{name} holds no request of {path}")


def kind(value: object) -> str:
    """A JSON value's type; decimals as text with eight places are a type of their own."""
    if isinstance(value, str) and _EIGHT_PLACES.match(value):
        return "eight places"
    return "null" if value is None else type(value).__name__


def differences(
    theirs: Any, ours: Any, only: frozenset[str] | None = None, where: str = ""
) -> list[str]:
    """Fields of the recorded message that ours lacks or gives another type.

    `only` names fields at the top that count; the others of the recorded message were dropped
    by the exchange since it was recorded.
    """
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = []
        for name, value in theirs.items():
            if only is not None and name not in only:
                continue
            if name not in ours:
                found.append(f"{where}.{name} is missing")
            else:
                found += differences(value, ours[name], None, f"{where}.{name}")
        return found
    if isinstance(theirs, list) and isinstance(ours, list):
        if theirs and not ours:
            return [f"{where} is empty"]
        if not theirs:
            return []
        return differences(theirs[0], ours[0], None, f"{where}[0]")
    if kind(theirs) != kind(ours):
        return [f"{where}: {theirs!r} is {kind(theirs)}, ours {ours!r} is {kind(ours)}"]
    return []
