"""The figures of the benchmarks: `build/bench.json`, one entry a name, and the table of them.

Called by every benchmark; the table is printed when all have run.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "build" / "bench.json"
LIMIT = re.compile(r"^(<=|>=) (\d+(?:\.\d+)?(?:e-?\d+)?)$")


def record(
    name: str,
    value: float,
    unit: str,
    limit: str | None = None,
    baseline: float | None = None,
    ratio: float | None = None,
    path: Path = RESULTS,
) -> None:
    """Stores one figure in place of the one that has the same name.

    `limit` says what must hold, as "<= 1.5" or ">= 20"; `baseline` is the peer's figure of the same
    run in the same unit, `ratio` how many times better than it ours is (a peer that takes 60 s
    where we take 1.5 gives 40). The file is replaced whole, so a kill leaves the old or the new.
    """
    if limit is not None and not LIMIT.match(limit):
        raise ValueError(f"limit of {name} is {limit!r}, expected like '<= 1.5' or '>= 20'")
    entry = {
        "name": name,
        "value": float(value),
        "unit": unit,
        "limit": limit,
        "baseline": None if baseline is None else float(baseline),
        "ratio": None if ratio is None else float(ratio),
    }
    kept = [other for other in entries(path) if other["name"] != name]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps([*kept, entry], indent=1) + "\n")
    partial.replace(path)


def entries(path: Path = RESULTS) -> list[dict[str, Any]]:
    return json.loads(path.read_text()) if path.exists() else []


def holds(entry: dict[str, Any]) -> bool | None:
    """Whether the value is within its limit; None without one."""
    found = LIMIT.match(entry["limit"] or "")
    if found is None:
        return None
    bound = float(found[2])
    return entry["value"] <= bound if found[1] == "<=" else entry["value"] >= bound


def table(path: Path = RESULTS) -> str:
    """One line a figure: name, value, limit, ratio to its peer, and whether the limit holds."""
    rows = [("name", "value", "limit", "ratio", "")]
    for entry in entries(path):
        kept = holds(entry)
        rows.append(
            (
                entry["name"],
                f"{entry['value']:.4g} {entry['unit']}",
                entry["limit"] or "",
                "" if entry["ratio"] is None else f"{entry['ratio']:.3g}",
                "" if kept is None else "ok" if kept else "MISS",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
