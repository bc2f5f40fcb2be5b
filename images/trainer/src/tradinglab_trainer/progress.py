"""Tells how far a run is: a file that the operator reads, and log lines for people.

Called by the run's stages. The file is replaced whole, so a reader never sees half of it.
"""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from tradinglab.artifact.store import translated_os_errors
from tradinglab.errors import StorageError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0


class Stage(StrEnum):
    """In the order of a run, with the percent at which each ends."""

    FETCHING = "fetching"
    FEATURES = "features"
    TUNING = "tuning"
    FOLDS = "folds"
    REFIT = "refit"
    JUDGING = "judging"
    STORING = "storing"


ENDS = dict(zip(Stage, (10, 13, 40, 80, 92, 97, 100), strict=True))


class Progress:
    """Writes `<model>/progress/<job>.json`; a full disk here does not end a training."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._written = float("-inf")
        self._stage: Stage | None = None

    def report(self, stage: Stage, fraction: float, detail: str) -> None:
        """`fraction` of the stage done, 0 to 1; `detail` in words."""
        stages = list(Stage)
        index = stages.index(stage)
        begin = ENDS[stages[index - 1]] if index else 0
        percent = begin + (ENDS[stage] - begin) * min(max(fraction, 0.0), 1.0)
        now = self._clock()
        if stage is self._stage and now - self._written < QUIET_SECONDS and fraction < 1:
            return
        self._stage, self._written = stage, now
        log.info("training", extra=fields(stage=stage.value, percent=round(percent), detail=detail))
        document = {
            "stage": stage.value,
            "percent": round(percent, 1),
            "detail": detail,
            "updated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            with translated_os_errors("writing progress"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                temporary = self._path.with_suffix(".tmp")
                temporary.write_text(json.dumps(document))
                temporary.replace(self._path)
        except StorageError as error:
            log.warning("progress is not shown", extra=fields(cause=str(error)))
