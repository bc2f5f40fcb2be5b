"""Only what fits its manifest to the last byte is an artifact; the rest is refused by name."""

import errno
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tradinglab.artifact import store
from tradinglab.artifact.manifest import digest_of
from tradinglab.artifact.store import load_artifact, remove_artifact, scan_artifacts
from tradinglab.errors import ArtifactError, ConfigurationError, StorageError


def refusal(runs: Path) -> str:
    """Why the one directory under `runs` is refused; loading says the same."""
    found, refused = scan_artifacts(runs)
    assert found == [] and len(refused) == 1
    return refused[0].reason


def with_manifest(artifact: Any, **changes: Any) -> None:
    """The manifest with other fields, in a directory whose name fits it as far as it can."""
    document = {**json.loads((artifact.path / "manifest.json").read_text()), **changes}
    encoded = json.dumps(document).encode()
    (artifact.path / "manifest.json").write_bytes(encoded)
    short = digest_of(encoded).removeprefix("sha256:")[:12]
    artifact.path.rename(artifact.path.parent / f"20240101t0000-{short}")


def test_what_was_written_is_found_and_loaded(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    assert scan_artifacts(runs) == ([artifact], [])
    assert load_artifact(runs, artifact.digest) == artifact
    assert artifact.version == f"20240101t0000-{artifact.digest[7:19]}"


def test_writing_the_same_again_changes_nothing(runs: Path, write_one: Any) -> None:
    assert write_one(runs) == write_one(runs)
    assert len(list(runs.iterdir())) == 1


def test_the_oldest_training_comes_first(runs: Path, write_one: Any) -> None:
    written = [write_one(runs, seed) for seed in (3, 1, 2)]
    found, _ = scan_artifacts(runs)
    assert found == [written[1], written[2], written[0]]


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_truncated_manifest_is_refused(runs: Path, write_one: Any, length: int) -> None:
    path = write_one(runs).path / "manifest.json"
    content = path.read_bytes().rstrip()
    path.write_bytes(content[:length])
    assert str(path) in refusal(runs)


def test_a_wrong_hash_is_named_with_both_values(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    path = artifact.path / "model.onnx"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    assert refusal(runs) == f"{path} has SHA-256 {found}, expected {expected}"
    with pytest.raises(ArtifactError, match=found):
        load_artifact(runs, artifact.digest)


def test_a_missing_file_is_named(runs: Path, write_one: Any) -> None:
    path = write_one(runs).path / "pipeline.json"
    path.unlink()
    assert refusal(runs) == f"{path} is missing"


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_symlink_in_place_of_a_file_is_refused(runs: Path, write_one: Any, name: str) -> None:
    path = write_one(runs).path / name
    elsewhere = runs.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert refusal(runs) == f"{path} is not a regular file"


def test_a_symlink_in_place_of_a_version_is_refused(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    artifact.path.rename(runs.parent / artifact.version)
    artifact.path.symlink_to(runs.parent / artifact.version)
    assert refusal(runs) == f"{artifact.path} is not a directory"


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_an_oversized_file_is_refused_unread(runs: Path, write_one: Any, name: str) -> None:
    path = write_one(runs).path / name
    limit = store.MAX_MANIFEST_BYTES if name == "manifest.json" else store.MAX_FILE_BYTES
    os.truncate(path, limit + 1)
    assert refusal(runs) == f"{path} has {limit + 1} bytes, expected at most {limit}"


def test_a_manifest_under_another_version_is_refused(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    other = artifact.path.rename(runs / "20240101t0000-000000000000")
    assert refusal(runs) == (
        f"{other / 'manifest.json'} is of version {artifact.version}, expected {other.name}"
    )


def test_a_digest_that_differs_behind_its_first_digits_is_not_loaded(
    runs: Path, write_one: Any
) -> None:
    artifact = write_one(runs)
    asked = artifact.digest[:-4] + ("0000" if artifact.digest[-4:] != "0000" else "1111")
    with pytest.raises(ArtifactError) as raised:
        load_artifact(runs, asked)
    assert asked in str(raised.value) and artifact.digest in str(raised.value)


def test_an_absent_digest_is_named(runs: Path, write_one: Any) -> None:
    write_one(runs)
    with pytest.raises(ArtifactError, match="no artifact with digest sha256:abc"):
        load_artifact(runs, "sha256:abc")


@pytest.mark.parametrize("end", [10**18, -(10**18), 10**30])
def test_a_time_that_is_none_is_refused_by_value(runs: Path, write_one: Any, end: int) -> None:
    artifact = write_one(runs)
    data = {"start": 0, "end": end, "bars": 1, "sha256": "0" * 64}
    with_manifest(artifact, data=data)
    assert "data" in refusal(runs)


@pytest.mark.parametrize("name", ["../model.onnx", "a/b", "", ".", "a\x00b", "x" * 300, ".hidden"])
def test_a_file_name_that_leads_elsewhere_is_refused(runs: Path, write_one: Any, name: str) -> None:
    artifact = write_one(runs)
    with_manifest(artifact, files={name: {"sha256": "0" * 64, "size": 1}})
    assert "lists the file" in refusal(runs)


def test_one_bad_directory_hides_no_other(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    (runs / "empty").mkdir()
    (runs / "stray").write_text("x")
    found, refused = scan_artifacts(runs)
    assert found == [artifact]
    assert [each.version for each in refused] == ["empty", "stray"]


def test_a_known_artifact_is_read_again_when_its_manifest_changed(
    runs: Path, write_one: Any
) -> None:
    artifact = write_one(runs)
    (artifact.path / "manifest.json").write_text("{}")
    found, refused = scan_artifacts(runs, {artifact.version: artifact})
    assert found == [] and len(refused) == 1


def test_two_writers_at_once_leave_only_whole_artifacts(runs: Path, write_one: Any) -> None:
    """A second writer may make the first one fail, but never leaves half of anything."""
    start = threading.Barrier(2)

    def writer(seed: int) -> None:
        for _ in range(20):
            start.wait(10)
            try:
                write_one(runs, seed)
            except (OSError, StorageError):
                continue  # the other one cleared it away

    threads = [threading.Thread(target=writer, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found, refused = scan_artifacts(runs)
    assert refused == []
    assert {each.version for each in found} <= {each.name for each in runs.iterdir()}
    assert found


def test_a_removed_version_is_gone_and_removing_it_again_is_fine(
    runs: Path, write_one: Any
) -> None:
    first, second = write_one(runs, 1), write_one(runs, 2)
    remove_artifact(runs, first.version)
    remove_artifact(runs, first.version)
    assert scan_artifacts(runs) == ([second], [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_removal_that_the_disk_refuses_is_told(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    runs.chmod(0o500)
    try:
        with pytest.raises(StorageError, match=f"removing artifact {artifact.version}"):
            remove_artifact(runs, artifact.version)
    finally:
        runs.chmod(0o700)


def test_a_removal_that_fails_half_way_is_told(
    runs: Path, write_one: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = write_one(runs)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error", "model.onnx")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", refuse)
        with pytest.raises(StorageError, match="Input/output error"):
            remove_artifact(runs, artifact.version)
    assert scan_artifacts(runs) == ([], [])
    remove_artifact(runs, artifact.version)
    assert list(runs.iterdir()) == []


def test_a_file_is_verified_again_when_its_content_is_taken(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    path = artifact.path / "model.onnx"
    assert artifact.content("model.onnx") == path.read_bytes()
    path.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ArtifactError, match=f"{path} has SHA-256 {found}"):
        artifact.content("model.onnx")
    path.unlink()
    with pytest.raises(ArtifactError, match=f"{path} is missing"):
        artifact.content("model.onnx")
    with pytest.raises(ArtifactError, match=r"has no golden\.npz"):
        artifact.content("golden.npz")


def test_a_volume_that_is_a_file_is_named(tmp_path: Path, runs: Path, write_one: Any) -> None:
    digest = write_one(runs).digest
    volume = tmp_path / "file"
    volume.write_bytes(b"")
    for place in (volume, volume / "lab" / "model" / "runs"):
        with pytest.raises(ConfigurationError, match=f"{volume}.*expected a directory"):
            write_one(place)
        with pytest.raises(ConfigurationError, match=f"{volume}.*expected a directory"):
            load_artifact(place, digest)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, StorageError),
        (errno.EACCES, ConfigurationError),
        (errno.EPERM, ConfigurationError),
        (errno.ESTALE, StorageError),
        (errno.ENOSPC, StorageError),
    ],
    ids=lambda value: errno.errorcode.get(value) if isinstance(value, int) else None,
)
def test_what_the_disk_refuses_names_doing_and_path(number: int, kind: type[Exception]) -> None:
    told = pytest.raises(kind, match=r"^opening bars: .*\(/models/bars\)")
    with told, store.translated_os_errors("opening bars"):
        raise OSError(number, os.strerror(number), "/models/bars")


def test_what_a_killed_writer_left_hides_no_whole_artifact(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    (runs / f".writing-{artifact.version}").mkdir()
    assert load_artifact(runs, artifact.digest) == artifact
