"""`tradinglab-trainer evaluate`: every figure of an artifact's forecasts on any bars, as JSON.

The result goes to standard output, what a person should know of it to standard error.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradinglab.errors import ConfigurationError
from tradinglab_trainer.commands.artifact_arguments import WAYS, add_volume_arguments, open_artifact
from tradinglab_trainer.commands.table import instant, minute

if TYPE_CHECKING:
    from tradinglab_trainer.commands.evaluation import Evaluated

FEW_OBSERVATIONS = 100
END_OF_TIME = 2**62
EXAMPLES = """\
examples:
  tradinglab-trainer evaluate latest --volume lab --bars newer.csv.gz
      every bar after the artifact's training data
  tradinglab-trainer evaluate lab/default/btc-usdt/runs/20231231t2300-9e6fa8bf4856 \\
      --bars bars.csv.gz --since 2024-01-01 --until 2024-06-30 > scores.json
  tradinglab-trainer evaluate latest --volume lab --bars bars.csv.gz --in-sample
      all bars: how well it fits, which says nothing of its skill

The file needs the bars before --since too: indicators and window look back on them.
Dates are UTC: 2024-01-01 or 2024-01-01T12:00; --until includes its day.
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "evaluate",
        help="score an artifact on any bars, JSON on standard output",
        description="Scores the forecasts of an artifact's exported graph on a file of bars.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help=WAYS)
    add_volume_arguments(parser)
    add_bars_arguments(parser, required=True)
    parser.add_argument(
        "--in-sample", action="store_true", help="evaluate on what it was trained on as well"
    )
    parser.set_defaults(run=run)


def add_bars_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--bars", type=Path, metavar="FILE", required=required,
        help="CSV or CSV.GZ with timestamp_ms,open,high,low,close,volume",
    )  # fmt: skip
    parser.add_argument(
        "--since", type=_since, metavar="DATE", help="default: after the training data"
    )
    parser.add_argument("--until", type=_until, metavar="DATE", help="default: the last bar")


def run(given: argparse.Namespace) -> int:
    artifact = open_artifact(given.artifact, given.volume, given.model)
    from tradinglab_trainer.commands.evaluation import Evaluated, read_bars

    evaluated = Evaluated.of(artifact, read_bars(given.bars, artifact.manifest))
    since = given.since
    if since is None:
        since = 0 if given.in_sample else evaluated.first_after_training()
    until = END_OF_TIME if given.until is None else given.until
    if since > until:
        raise ConfigurationError(f"--until is {minute(until)}, expected after {minute(since)}")
    document = _document(evaluated, given.bars, since, until)
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    for note in document["notes"]:
        sys.stderr.write(f"note: {note}\n")
    return 0


def _document(evaluated: "Evaluated", bars: Path, since: int, until: int) -> dict[str, Any]:
    from tradinglab_trainer.commands.evaluation import described
    from tradinglab_trainer.scores import measure

    manifest, dataset = evaluated.artifact.manifest, evaluated.dataset
    rows = evaluated.rows(since, until)
    forecasts = evaluated.scored(rows)
    metrics = measure(forecasts, dataset.horizon_bars, dataset.bar_milliseconds, manifest.seeds[0])
    seen_before = int((forecasts.times < evaluated.out_of_sample_from).sum())
    return {
        "artifact": {
            "model": manifest.model,
            "version": evaluated.artifact.version,
            "digest": evaluated.artifact.digest,
            "trained_on": {
                "start": instant(manifest.data.start),
                "end": instant(manifest.data.end),
            },
            "horizon_bars": dataset.horizon_bars,
            "window_bars": dataset.window_bars,
        },
        "bars": described(bars, evaluated.data),
        "rows": {
            "first": instant(int(forecasts.times[0])),
            "last": instant(int(forecasts.times[-1])),
            "count": len(rows),
            "out_of_sample": len(rows) - seen_before,
            "in_sample": seen_before,
            "out_of_sample_from": instant(evaluated.out_of_sample_from),
        },
        "is_evidence": seen_before == 0,
        "notes": _notes(len(rows), seen_before, metrics["effective_observations"]),
        "metrics": metrics,
    }


def _notes(rows: int, in_sample: int, observations: float) -> list[str]:
    notes = []
    if in_sample:
        notes.append(
            f"{in_sample:,} of {rows:,} rows lie within the artifact's training data or one "
            "horizon after it: in-sample figures are no evidence of skill"
        )
    if observations < FEW_OBSERVATIONS:
        notes.append(
            f"about {observations:.0f} independent observations, expected at least "
            f"{FEW_OBSERVATIONS}: the intervals are too narrow"
        )
    return notes


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date, expected one like 2024-01-31 or 2024-01-31T12:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _since(text: str) -> int:
    return int(_moment(text).timestamp() * 1000)


def _until(text: str) -> int:
    """The whole day where only a day is given."""
    moment = _moment(text)
    if len(text) <= len("2024-01-31"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return int(moment.timestamp() * 1000)
