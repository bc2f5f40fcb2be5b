"""How a person names an artifact: its directory, or on a volume its digest, version or `latest`.

Called by every command that reads one. What is unknown is answered with what is near.
"""

import argparse
import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from tradinglab.artifact.manifest import DIGEST_PREFIX
from tradinglab.artifact.store import (
    MANIFEST,
    Artifact,
    read_directory,
    runs_directory,
    scan_artifacts,
)
from tradinglab.errors import ArtifactError, ConfigurationError

LATEST = "latest"
SHOWN = 5
WAYS = "a version's directory; with --volume: a version, the begin of a digest, or `latest`"


def add_volume_arguments(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--volume", type=Path, metavar="DIR", required=required, help="where artifacts are kept"
    )
    parser.add_argument(
        "--model",
        metavar="NAMESPACE/NAME",
        help="whose artifacts; may be left out where the volume holds one model only",
    )


def model_on(volume: Path, model: str | None) -> str:
    """The model that is meant. Raises ConfigurationError that names the nearest ones."""
    if not volume.is_dir():
        raise ConfigurationError(f"--volume {volume} is no directory")
    known = models_on(volume)
    if model is None:
        if len(known) == 1:
            return known[0]
        raise ConfigurationError(
            f"--volume {volume} holds {_listed(known, 'models')}; choose one with --model"
        )
    if model in known:
        return model
    raise ConfigurationError(
        f"--model {model} has nothing on {volume}; {_near(model, known, 'models')}"
    )


def models_on(volume: Path) -> list[str]:
    """<namespace>/<name> of every model that has artifacts or trials there."""
    homes = {path.parent for name in ("runs", "tuning.db") for path in volume.glob(f"*/*/{name}")}
    return sorted("/".join(home.relative_to(volume).parts) for home in homes)


def find_directory(named: str, volume: Path | None, model: str | None) -> Path:
    """The directory of the artifact that `named` means, not yet read.

    Raises ArtifactError that names the nearest ones, ConfigurationError for a volume or model.
    """
    path = Path(named)
    if volume is None or (path / MANIFEST).is_file():
        return _directory(path)
    runs = runs_directory(volume, model_on(volume, model))
    if named == LATEST:
        return _latest(runs)
    names = version_names(runs)
    digits = named.removeprefix(DIGEST_PREFIX)[:12]
    found = [
        name
        for name in names
        if name.startswith(named) or (digits and name.rpartition("-")[2].startswith(digits))
    ]
    if len(found) == 1:
        return runs / found[0]
    if found:
        raise ArtifactError(f"{named} may mean {', '.join(found)}; give more of it")
    raise ArtifactError(f"no artifact {named} in {runs}; {_near(named, names, 'versions')}")


def open_artifact(named: str, volume: Path | None, model: str | None) -> Artifact:
    """Read and verified. Raises as `find_directory`, and ArtifactError for a file that differs."""
    artifact = read_directory(find_directory(named, volume, model))
    digits = named.removeprefix(DIGEST_PREFIX)
    longer_than_the_name = re.fullmatch(r"[0-9a-f]{13,64}", digits) is not None
    if longer_than_the_name and not artifact.digest.startswith(DIGEST_PREFIX + digits):
        raise ArtifactError(
            f"{artifact.path} has digest {artifact.digest}, expected {DIGEST_PREFIX}{digits}"
        )
    return artifact


def version_names(runs: Path) -> list[str]:
    """Newest data first; unfinished and removed ones are left out."""
    if not runs.is_dir():
        return []
    return sorted((p.name for p in runs.iterdir() if not p.name.startswith(".")), reverse=True)


def _directory(path: Path) -> Path:
    if (path / MANIFEST).is_file() or (path.is_dir() and path.parent.name == "runs"):
        return path.resolve()
    if path.is_dir():
        raise ArtifactError(f"{path} holds no {MANIFEST}, expected {WAYS}")
    siblings = version_names(path.parent) if path.parent.is_dir() else []
    raise ArtifactError(f"{path} does not exist; {_near(path.name, siblings, 'versions')}")


def _latest(runs: Path) -> Path:
    found, refused = scan_artifacts(runs)
    if found:
        return found[-1].path
    broken = f"; {refused[-1].reason}" if refused else ""
    raise ArtifactError(f"{runs} holds no whole artifact{broken}")


def _near(named: str, known: Sequence[str], what: str) -> str:
    if near := difflib.get_close_matches(named, known, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(near)}?"
    return f"there are {_listed(known, what)}"


def _listed(known: Sequence[str], what: str) -> str:
    if not known:
        return f"no {what}"
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"the {what} {', '.join(known[:SHOWN])}{more}"
