"""Tells how far a run is: a file that the operator reads, and steps shown to people.

Called by the run's stages. The file is replaced whole, so a reader never sees half of it.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from tradinglab.artifact.store import translated_os_errors
from tradinglab.errors import StorageError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
TELLING_SHARE = 0.05  # of a stage that must be done before its pace says anything


class Stage(StrEnum):
    """In the order of a run, with the percent at which each ends."""

    FETCHING = "fetching"
    FEATURES = "features"
    TUNING = "tuning"
    FOLDS = "folds"
    VARIANTS = "variants"
    COMPARING = "comparing"
    REFIT = "refit"
    JUDGING = "judging"
    STORING = "storing"


ENDS = dict(zip(Stage, (8, 10, 40, 75, 80, 88, 96, 98, 100), strict=True))
BEGINS = dict(zip(Stage, (0, *list(ENDS.values())[:-1]), strict=True))
UNTELLING = (Stage.FETCHING, Stage.FEATURES)  # network and disk say nothing of how long fits take


@dataclass(frozen=True)
class Step:
    """How far a run is; `estimated_end` is None until its pace is known."""

    stage: Stage
    percent: float
    detail: str
    estimated_end: datetime | None


class Pace:
    """Seconds that a percent takes, measured on the stage under way and, until that has done
    enough, on the one before. A resumed stage counts from where it was found."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._start = (0.0, 0.0)
        self._seconds_per_percent: float | None = None

    def remaining_seconds(self, stage: Stage, percent: float, now: float) -> float | None:
        if stage is not self._stage:
            self._stage, self._start = stage, (now, percent)
        seconds, done = now - self._start[0], percent - self._start[1]
        if stage not in UNTELLING and done > TELLING_SHARE * (ENDS[stage] - BEGINS[stage]):
            self._seconds_per_percent = seconds / done
        if percent >= ENDS[Stage.STORING]:
            return 0.0
        if self._seconds_per_percent is None:
            return None
        return self._seconds_per_percent * (ENDS[Stage.STORING] - percent)


def log_step(step: Step) -> None:
    """One line a step: what a run shows where there is no terminal."""
    told = {"stage": step.stage.value, "percent": round(step.percent), "detail": step.detail}
    if step.estimated_end is not None:
        told["estimated_end"] = _instant(step.estimated_end)
    log.info("training", extra=fields(**told))


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


class Progress:
    """Writes `<model>/progress/<job>.json`; a full disk here does not end a training."""

    def __init__(
        self,
        path: Path,
        show: Callable[[Step], None] = log_step,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._show = show
        self._clock = clock
        self._written = float("-inf")
        self._stage: Stage | None = None
        self._pace = Pace()

    def report(self, stage: Stage, fraction: float, detail: str) -> None:
        """`fraction` of the stage done, 0 to 1; `detail` in words."""
        begin, end = BEGINS[stage], ENDS[stage]
        percent = begin + (end - begin) * min(max(fraction, 0.0), 1.0)
        now = self._clock()
        remaining = self._pace.remaining_seconds(stage, percent, now)
        if stage is self._stage and now - self._written < QUIET_SECONDS and fraction < 1:
            return
        self._stage, self._written = stage, now
        moment = datetime.now(UTC)
        end_at = None if remaining is None else moment + timedelta(seconds=remaining)
        step = Step(stage, percent, detail, end_at)
        self._show(step)
        self._write(step, moment)

    def _write(self, step: Step, moment: datetime) -> None:
        document = {
            "stage": step.stage.value,
            "percent": round(step.percent, 1),
            "detail": step.detail,
            "updated_at": _instant(moment),
            "estimated_end": step.estimated_end and _instant(step.estimated_end),
        }
        try:
            with translated_os_errors("writing progress"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                temporary = self._path.with_suffix(".tmp")
                temporary.write_text(json.dumps(document))
                temporary.replace(self._path)
        except StorageError as error:
            log.warning("progress is not shown", extra=fields(cause=str(error)))
