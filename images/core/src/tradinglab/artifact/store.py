"""Artifacts on the shared volume: written whole or not at all, loaded only if every hash fits.

The trainer writes, the operator scans and prunes, the API loads one digest.
Layout: `<volume>/<namespace>/<model>/runs/<version>/{manifest.json, …}`, where the version is the
last bar's UTC minute and the first twelve digits of the digest.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from tradinglab.artifact.manifest import DIGEST_PREFIX, FileEntry, Manifest, digest_of
from tradinglab.errors import ArtifactError, ConfigurationError, StorageError

MANIFEST = "manifest.json"
TEMPORARY_PREFIX = ".writing-"
REMOVED_PREFIX = ".removing-"
MAX_MANIFEST_BYTES = 1_000_000
MAX_FILE_BYTES = 256_000_000
DISK_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENODEV, errno.ESTALE)
PATH_EXPECTATIONS = {
    errno.EEXIST: "a directory, and one writer at a time",
    errno.ENOTDIR: "a directory in every place of the path but the last",
    errno.EACCES: "a path that this process may use",
    errno.EPERM: "a path that this process may use",
}
FILE_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


@dataclass(frozen=True)
class Artifact:
    """A complete artifact: its directory name, digest and manifest; hashes were verified."""

    version: str
    digest: str
    manifest: Manifest
    path: Path

    def content(self, name: str) -> bytes:
        """The file `name`, read now and verified again: it may have changed since.

        Raises ArtifactError when it is absent or differs.
        """
        entry = self.manifest.files.get(name)
        if entry is None:
            raise ArtifactError(f"{self.path} has no {name}, expected it in every artifact")
        return _verified_file(self.path / name, entry)


@dataclass(frozen=True)
class RefusedArtifact:
    """A directory under `runs` that is no valid artifact, and why."""

    version: str
    reason: str


def runs_directory(volume: Path, model: str) -> Path:
    return volume / model / "runs"


def version_of(manifest: Manifest, digest: str) -> str:
    """Raises ArtifactError when the last bar's open time is no instant."""
    try:
        end = datetime.fromtimestamp(manifest.data.end / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise ArtifactError(
            f"data.end is {manifest.data.end}, expected UTC milliseconds of a year up to 9999"
        ) from None
    return f"{end:%Y%m%dt%H%M}-{digest.removeprefix(DIGEST_PREFIX)[:12]}"


@contextmanager
def translated_os_errors(doing: str) -> Iterator[None]:
    """Turns the disk's refusals into StorageError, and those that only a person can mend (a path
    that is no directory, or not allowed) into ConfigurationError; both say what was being done,
    and with which path."""
    try:
        yield
    except OSError as error:
        told = f"{doing}: {error.strerror} ({error.filename or 'disk'})"
        if error.errno in DISK_REFUSALS:
            raise StorageError(told) from error
        if error.errno == errno.ENOENT:
            raise StorageError(f"{told}, expected it not to vanish meanwhile") from error
        if error.errno in PATH_EXPECTATIONS:
            expected = PATH_EXPECTATIONS[error.errno]
            raise ConfigurationError(f"{told}, expected {expected}") from error
        raise


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_artifact(
    runs: Path,
    files: Mapping[str, bytes],
    manifest_with: Callable[[dict[str, FileEntry]], Manifest],
) -> Artifact:
    """Writes `files` and the manifest that `manifest_with` makes of their entries.

    Every file is fsynced, the manifest last, then the directory gets its final name. A crash at
    any point leaves at most a `.writing-*` directory, which nobody loads and the next run removes.
    Raises StorageError when the disk refuses, ConfigurationError when `runs` cannot be a
    directory that may be written.
    """
    entries = {
        name: FileEntry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        for name, content in files.items()
    }
    manifest = manifest_with(entries)
    encoded = manifest.encoded()
    digest = digest_of(encoded)
    version = version_of(manifest, digest)
    temporary, final = runs / f"{TEMPORARY_PREFIX}{version}", runs / version
    with translated_os_errors(f"writing artifact {version}"):
        runs.mkdir(parents=True, exist_ok=True)
        if final.exists():
            return load_artifact(runs, digest)
        remove_unfinished(runs)
        temporary.mkdir()
        for name, content in files.items():
            _write_synced(temporary / name, content)
        _write_synced(temporary / MANIFEST, encoded)
        _sync_directory(temporary)
        temporary.rename(final)
        _sync_directory(runs)
    return Artifact(version, digest, manifest, final)


def remove_unfinished(runs: Path) -> None:
    """Clears what a killed writer left. Only the trainer calls it: there is one writer."""
    for leftover in runs.glob(f"{TEMPORARY_PREFIX}*"):
        shutil.rmtree(leftover)


def _regular_file(path: Path, limit: int) -> bytes:
    """The bytes of `path`, which must be a plain file of at most `limit` bytes."""
    with translated_os_errors(f"reading {path}"):
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                raise ArtifactError(f"{path} is not a regular file")
            if status.st_size > limit:
                raise ArtifactError(f"{path} has {status.st_size} bytes, expected at most {limit}")
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise ArtifactError(f"{path} is missing") from None
        except PermissionError:
            raise ArtifactError(f"{path} may not be read") from None


def _verified_file(path: Path, entry: FileEntry) -> bytes:
    content = _regular_file(path, MAX_FILE_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise ArtifactError(f"{path} has SHA-256 {found}, expected {entry.sha256}")
    return content


def read_directory(directory: Path) -> Artifact:
    """Loads and verifies one version's directory.

    Raises ArtifactError that names the file, the value found and the value expected.
    """
    encoded = _regular_file(directory / MANIFEST, MAX_MANIFEST_BYTES)
    try:
        manifest = Manifest.model_validate_json(encoded)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ArtifactError(f"{directory / MANIFEST}: {where}: {first['msg']}") from None
    digest = digest_of(encoded)
    try:
        version = version_of(manifest, digest)
    except ArtifactError as error:
        raise ArtifactError(f"{directory / MANIFEST}: {error}") from None
    if directory.name != version:
        raise ArtifactError(
            f"{directory / MANIFEST} is of version {version}, expected {directory.name}"
        )
    for name, entry in manifest.files.items():
        if name == MANIFEST or not re.fullmatch(FILE_NAME_PATTERN, name):
            raise ArtifactError(
                f"{directory / MANIFEST} lists the file {name!r}, expected {FILE_NAME_PATTERN}"
            )
        _verified_file(directory / name, entry)
    return Artifact(directory.name, digest, manifest, directory)


def load_artifact(runs: Path, digest: str) -> Artifact:
    """The artifact with exactly this digest.

    Raises ArtifactError when it is absent or any of its files differs, ConfigurationError when
    `runs` is no directory that may be read.
    """
    short = digest.removeprefix(DIGEST_PREFIX)[:12]
    for directory in _directories_of(runs, f"-{short}"):
        artifact = read_directory(directory)
        if artifact.digest != digest:
            raise ArtifactError(
                f"{directory / MANIFEST} has digest {artifact.digest}, expected {digest}"
            )
        return artifact
    raise ArtifactError(f"no artifact with digest {digest} under {runs}")


def _directories_of(runs: Path, ending: str) -> list[Path]:
    """Sorted; none where `runs` does not exist yet."""
    with translated_os_errors("looking for artifacts"):
        try:
            found = [each for each in runs.iterdir() if each.name.endswith(ending)]
            return sorted(each for each in found if not each.name.startswith("."))
        except FileNotFoundError:
            return []


def scan_artifacts(
    runs: Path, verified: Mapping[str, Artifact] | None = None
) -> tuple[list[Artifact], list[RefusedArtifact]]:
    """All complete artifacts, oldest training first, and what was refused.

    `verified` (by version) spares hashing the files of those again; their manifests are still read,
    because attributes on a network file system cannot be trusted.
    """
    found: list[Artifact] = []
    refused: list[RefusedArtifact] = []
    if not runs.is_dir():
        return found, refused
    for directory in sorted(runs.iterdir()):
        if directory.name.startswith("."):
            continue
        try:
            known = (verified or {}).get(directory.name)
            if directory.is_symlink() or not directory.is_dir():
                raise ArtifactError(f"{directory} is not a directory")
            if known is not None:
                digest = digest_of(_regular_file(directory / MANIFEST, MAX_MANIFEST_BYTES))
                if digest == known.digest:
                    found.append(known)
                    continue
            found.append(read_directory(directory))
        except ArtifactError as error:
            refused.append(RefusedArtifact(directory.name, str(error)))
    found.sort(key=lambda artifact: (artifact.manifest.trained_at, artifact.version))
    return found, refused


def remove_artifact(runs: Path, version: str) -> None:
    """Removes one version; it loses its name first, so that a crash leaves nothing that is
    loaded or reported, but a `.removing-*` directory that is swept later.

    Raises StorageError when the disk refuses.
    """
    sweep_removed(runs)
    with _removal_errors(f"removing artifact {version}"):
        try:
            (runs / version).rename(runs / f"{REMOVED_PREFIX}{version}")
        except FileNotFoundError:
            return
        _sync_directory(runs)
    sweep_removed(runs)


def sweep_removed(runs: Path) -> None:
    """Clears what a killed removal left. Only the operator calls it. Raises StorageError."""
    for leftover in runs.glob(f"{REMOVED_PREFIX}*"):
        with _removal_errors(f"removing {leftover.name}"):
            if leftover.is_symlink() or not leftover.is_dir():
                leftover.unlink()
            else:
                shutil.rmtree(leftover)


@contextmanager
def _removal_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{doing}: {error.strerror} ({error.filename or 'disk'})") from error
