"""The name of a run that a person starts without giving it one. Called by `train --manifest`.

The same specification on the same bars goes on under the name of the run that did not end, so that
its search is resumed; otherwise the name is new and says when it began.
"""

import hashlib
import json
from datetime import datetime
from pathlib import Path

from tradinglab.resource.spec import TradingModelSpec

PREFIX = "by-hand"


def job_name(home: Path, spec: TradingModelSpec, bars: Path | None, now: datetime) -> str:
    """`by-hand-<what is trained>-<when>`, for a model whose directory is `home`."""
    trained = spec.model_dump_json(include={"market", "training"}) + str(bars and bars.resolve())
    begin = f"{PREFIX}-{hashlib.sha256(trained.encode()).hexdigest()[:6]}"
    files = sorted((home / "progress").glob(f"{begin}-*.json"))
    if files and not _ended(files[-1]):
        return files[-1].stem
    return f"{begin}-{now:%Y%m%dt%H%M%S}"


def _ended(progress: Path) -> bool:
    try:
        return bool(json.loads(progress.read_text("utf-8"))["percent"] >= 100)
    except (OSError, ValueError, KeyError, TypeError):
        return True
