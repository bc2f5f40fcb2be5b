"""`tradinglab-trainer list`: one line for each artifact of a model, broken ones with the reason."""

import argparse
import json
import sys
from typing import Any

from tradinglab.artifact.store import Artifact, RefusedArtifact, runs_directory, scan_artifacts
from tradinglab_trainer.commands.artifact_arguments import add_volume_arguments, model_on
from tradinglab_trainer.commands.figures import interval
from tradinglab_trainer.commands.table import ABSENT, aligned, figure, minute, minute_of, size

HEADING = (
    "version", "trained", "bars to", "verdict", "gain, direction", "ECE", "QLIKE", "HAR's", "size",
)  # fmt: skip
RIGHT = (5, 6, 7, 8)
SHOWN_METRICS = (
    "direction_gain", "direction_gain_low", "direction_gain_high", "gain", "gain_low", "gain_high",
    "ece", "ece_null", "qlike", "qlike_har",
)  # fmt: skip
EXAMPLES = """\
examples:
  tradinglab-trainer list --volume lab
  tradinglab-trainer list --volume lab --model default/btc-usdt --json
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "list",
        help="a line for each artifact of a model",
        description="A line for each artifact of a model, the oldest training first.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_volume_arguments(parser, required=True)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    model = model_on(given.volume, given.model)
    found, refused = scan_artifacts(runs_directory(given.volume, model))
    if given.json:
        document = {
            "model": model,
            "artifacts": [_described(each) for each in found],
            "broken": [{"version": each.version, "reason": each.reason} for each in refused],
        }
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return 0
    if found:
        sys.stdout.write(aligned([HEADING, *map(_line, found)], right=RIGHT) + "\n")
    else:
        sys.stdout.write(f"no artifact of {model} yet\n")
    for each in refused:
        sys.stdout.write(_broken(each) + "\n")
    return 0


def _line(artifact: Artifact) -> tuple[str, ...]:
    manifest = artifact.manifest
    metrics = manifest.metrics
    servable = "" if manifest.gate.servable else ", not servable"
    return (
        artifact.version,
        minute_of(manifest.trained_at),
        minute(manifest.data.end),
        manifest.gate.verdict.value + servable,
        interval(metrics, "direction_gain") if "direction_gain" in metrics else ABSENT,
        figure(metrics.get("ece")),
        figure(metrics.get("qlike")),
        figure(metrics.get("qlike_har")),
        size(byte_count(artifact)),
    )


def byte_count(artifact: Artifact) -> int:
    return sum(entry.size for entry in artifact.manifest.files.values())


def _described(artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "version": artifact.version,
        "digest": artifact.digest,
        "path": str(artifact.path),
        "job": manifest.job,
        "trained_at": manifest.trained_at,
        "data_end": manifest.data.end,
        "servable": manifest.gate.servable,
        "verdict": manifest.gate.verdict.value,
        "metrics": {name: manifest.metrics.get(name) for name in SHOWN_METRICS},
        "bytes": byte_count(artifact),
    }


def _broken(refused: RefusedArtifact) -> str:
    return f"{refused.version}  broken: {refused.reason}"
