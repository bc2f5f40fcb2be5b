"""`tradinglab-trainer trials`: every hyper-parameter combination that was tried, and the best.

Reads `tuning.db` without writing to it, so that a search under way is not disturbed.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from tradinglab.errors import StorageError
from tradinglab_trainer.commands.artifact_arguments import add_volume_arguments, model_on
from tradinglab_trainer.commands.table import aligned, minute, minute_of

COLUMNS = ("job", "trial", "hyperparameters", "score", "data_end", "seed", "finished_at")
EXAMPLES = """\
examples:
  tradinglab-trainer trials --volume lab
  tradinglab-trainer trials --volume lab --model default/btc-usdt --json

A score is the loss on the early-stop slice, smaller is better; scores of runs on other data are
not comparable, so the best of each run is marked.
"""


@dataclass(frozen=True)
class Trial:
    """`score`: smaller is better; `best`: of its job; `data_end`: last bar, UTC milliseconds."""

    job: str
    trial: str
    hyperparameters: dict[str, float]
    score: float
    data_end: int
    seed: int
    finished_at: str
    best: bool


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "trials",
        help="the hyper-parameters that were tried",
        description="Every trial of every run of a model, the best of each run first.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_volume_arguments(parser, required=True)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    model = model_on(given.volume, given.model)
    trials = read_trials(given.volume / model / "tuning.db")
    if given.json:
        document = {"model": model, "trials": [asdict(each) for each in trials]}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    elif trials:
        sys.stdout.write(_table(trials) + "\n")
    else:
        sys.stdout.write(f"no trial of {model} yet\n")
    return 0


def read_trials(database: Path) -> list[Trial]:
    """Latest run first, within it the best first. Raises StorageError."""
    if not database.is_file():
        return []
    columns = ", ".join(COLUMNS)
    query = (
        f"SELECT {columns} FROM trials ORDER BY "  # noqa: S608 constants
        "max(finished_at) OVER (PARTITION BY job) DESC, job, score"
    )
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            rows = opened.execute(query).fetchall()
    except sqlite3.Error as error:
        raise StorageError(f"trials in {database}: {error}") from error
    trials: list[Trial] = []
    for row in rows:
        values = dict(zip(COLUMNS, row, strict=True))
        values["hyperparameters"] = json.loads(values["hyperparameters"])
        best = not trials or trials[-1].job != values["job"]
        trials.append(Trial(**values, best=best))
    return trials


def _table(trials: Sequence[Trial]) -> str:
    names = list(dict.fromkeys(name for each in trials for name in each.hyperparameters))
    rows = [("", "job", "trial", "score", *names, "seed", "bars to", "finished")]
    rows += [
        (
            "best" if each.best else "",
            each.job,
            each.trial,
            f"{each.score:.4f}",
            *(_short(each.hyperparameters.get(name)) for name in names),
            str(each.seed),
            minute(each.data_end),
            minute_of(each.finished_at),
        )
        for each in trials
    ]
    return aligned(rows, right=range(3, 5 + len(names)))


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
