"""`tradinglab-trainer verify`: does an artifact still hold what was stored, and still forecast it?

Hashes of every file, then the golden windows computed again by the code that serves.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tradinglab.artifact.store import read_directory, runs_directory
from tradinglab.errors import ArtifactError, ConfigurationError
from tradinglab_trainer.commands.artifact_arguments import (
    WAYS,
    add_volume_arguments,
    find_directory,
    model_on,
    models_on,
    version_names,
)

MISMATCH_STATUS = ArtifactError.exit_status
EXAMPLES = """\
examples:
  tradinglab-trainer verify lab/default/btc-usdt/runs/*
  tradinglab-trainer verify latest --volume lab
  tradinglab-trainer verify --all --volume lab

Exit status: 0 all are whole, 2 one is not; its line names the file.
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "verify",
        help="hashes and golden windows of artifacts",
        description="Verifies every file's hash and computes the golden windows again.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifacts", metavar="ARTIFACT", nargs="*", help=WAYS)
    parser.add_argument(
        "--all", action="store_true", help="every artifact of --model, or of the whole --volume"
    )
    add_volume_arguments(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    status = 0
    for directory in list(_directories(given)):
        try:
            told = _verified(directory)
        except ArtifactError as error:
            status = MISMATCH_STATUS
            told = f"BROKEN  {directory.name}  {error}"
        sys.stdout.write(told + "\n")
        sys.stdout.flush()
    return status


def _directories(given: argparse.Namespace) -> Iterator[Path]:
    if bool(given.artifacts) == given.all:
        raise ConfigurationError("name artifacts to verify, or give --all")
    if not given.all:
        for named in given.artifacts:
            yield find_directory(named, given.volume, given.model)
        return
    if given.volume is None:
        raise ConfigurationError("--all needs --volume")
    models = [model_on(given.volume, given.model)] if given.model else models_on(given.volume)
    runs = [runs_directory(given.volume, model) for model in models]
    directories = [each / name for each in runs for name in version_names(each)]
    if not directories:
        raise ArtifactError(f"--volume {given.volume} holds no artifact")
    yield from directories


def _verified(directory: Path) -> str:
    from tradinglab.predictor import Predictor

    artifact = read_directory(directory)
    Predictor.load(artifact).verify_golden()
    return (
        f"ok      {artifact.version}  {len(artifact.manifest.files)} files as hashed, "
        "golden windows as stored"
    )
