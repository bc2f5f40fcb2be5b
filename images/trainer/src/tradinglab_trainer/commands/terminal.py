"""A training on a terminal: one bar at the bottom, log lines scroll above it. Called by `train`."""

import logging
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from tradinglab.logs import TextFormatter
from tradinglab_trainer.progress import Step

STARTING = "starting"
DONE = 100


class _LinesAbove(logging.Handler):
    """Prints through the console that draws the bar, so that neither tears the other."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(self.format(record), markup=False, highlight=False, soft_wrap=True)


class _TwoLines(Progress):
    """The detail below the bar: what a narrow terminal cuts is its end, never a figure."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(f"  {task.description}", style="dim", no_wrap=True, overflow="ellipsis")


class TerminalDisplay:
    """Within it, the root logger's lines go above the bar; afterwards as before."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._bar = _TwoLines(
            TextColumn("{task.fields[stage]:<9} {task.percentage:>3.0f}%"),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=10)),
            TimeElapsedColumn(),
            TextColumn("{task.fields[end]}"),
            console=self._console,
            expand=True,
            refresh_per_second=4,
        )
        self._handler = _LinesAbove(self._console)
        self._before: list[logging.Handler] = []

    def __enter__(self) -> "TerminalDisplay":
        root = logging.getLogger()
        self._before, root.handlers[:] = root.handlers[:], [self._handler]
        self._task = self._bar.add_task("", total=DONE, stage=STARTING, end="")
        self._bar.start()
        return self

    def show(self, step: Step) -> None:
        self._bar.update(
            self._task,
            completed=step.percent,
            stage=step.stage.value,
            description=step.detail,
            end="" if step.percent >= DONE else _clock_time(step.estimated_end),
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        logging.getLogger().handlers[:] = self._before


def _clock_time(moment: datetime | None) -> str:
    """In the terminal's own time zone: when to come back."""
    return "" if moment is None else f"ends ~{moment.astimezone():%H:%M}"
