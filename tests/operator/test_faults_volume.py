"""What may be wrong on the shared volume, with real files: nothing unvalidated is ever served."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.operator.artifacts import store_artifact
from tests.operator.cluster_story import Story

from tradinglab.artifact.manifest import Comparison
from tradinglab.artifact.store import MAX_MANIFEST_BYTES, Artifact


def truncated(artifact: Artifact) -> None:
    path = artifact.path / "manifest.json"
    path.write_bytes(path.read_bytes()[:100])


def wrong_hash(artifact: Artifact) -> None:
    (artifact.path / "model.onnx").write_bytes(b"another")


def edited_manifest(artifact: Artifact) -> None:
    path = artifact.path / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"Unproven", b"Tradeable"))


def symlinked_file(artifact: Artifact) -> None:
    path = artifact.path / "model.onnx"
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


def symlinked_version(artifact: Artifact) -> None:
    elsewhere = artifact.path.parents[1] / "elsewhere"
    artifact.path.rename(elsewhere)
    artifact.path.symlink_to(elsewhere)


def oversized(artifact: Artifact) -> None:
    with (artifact.path / "manifest.json").open("ab") as file:
        file.truncate(MAX_MANIFEST_BYTES + 1)


def missing_file(artifact: Artifact) -> None:
    (artifact.path / "model.onnx").unlink()


DAMAGE = [
    truncated,
    wrong_hash,
    edited_manifest,
    symlinked_file,
    symlinked_version,
    oversized,
    missing_file,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda each: each.__name__)
def test_a_damaged_artifact_is_told_and_never_served(
    story: Story, damage: Callable[[Artifact], None]
) -> None:
    first = story.serve_first()
    damaged = store_artifact(story.volume, "lab/btc", "by-hand", story.now + timedelta(hours=1))
    damage(damaged)
    story.settle()
    assert story.api.served() == first
    assert story.condition("Degraded") == ("True", "ArtifactRefused")
    assert story.condition("Ready") == ("True", "Serving")
    assert damaged.digest not in [each["digest"] for each in story.status()["artifacts"]]


def test_an_older_artifact_dropped_by_hand_is_listed_and_not_served(story: Story) -> None:
    first = story.serve_first()
    store_artifact(story.volume, "lab/btc", "by-hand", story.now - timedelta(days=9))
    story.settle()
    assert story.api.served() == first
    assert [each["state"] for each in story.status()["artifacts"]] == ["Served", "Stored"]


def test_another_models_artifact_is_refused(story: Story) -> None:
    first = story.serve_first()
    stranger = store_artifact(story.volume, "lab/eth", "eth-1", story.now + timedelta(hours=1))
    stranger.path.rename(story.volume / "lab/btc/runs" / stranger.version)
    story.settle()
    assert story.api.served() == first
    assert "is of model lab/eth" in str(story.status()["conditions"])


def test_a_volume_that_goes_away_starts_nothing_and_comes_back(story: Story) -> None:
    first = story.serve_first()
    away = story.volume.with_name("away")
    story.volume.rename(away)
    story.pass_time(days=5)
    story.settle()
    assert story.condition("Degraded") == ("True", "VolumeUnavailable")
    assert story.active_jobs() == []
    assert story.api.served() == first
    away.rename(story.volume)
    story.settle()
    assert story.condition("Ready") == ("True", "Serving")
    assert story.api.served() == first


@pytest.mark.parametrize("error", ["EROFS", "ENOSPC", "EIO"])
def test_a_volume_that_refuses_a_removal_is_told_and_tried_again(
    story: Story, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    first = story.serve_first(storage={"keep": 2})
    for hours in (1, 2, 3):
        trained = story.now - timedelta(hours=hours)
        store_artifact(story.volume, "lab/btc", f"old-{hours}", trained, Comparison.WORSE)
    rename = Path.rename

    def refuse(path: Path, target: Any) -> Any:
        if "runs" in path.parts:
            raise OSError(getattr(__import__("errno"), error), os.strerror(5), str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    for _ in range(3):
        story.reconciler.visit()
    assert story.condition("Degraded")[0] == "True"
    assert story.condition("Ready") == ("True", "Serving")
    monkeypatch.setattr(Path, "rename", rename)
    story.settle()
    assert story.condition("Degraded") == ("False", "AsExpected")
    assert len(list((story.volume / "lab/btc/runs").iterdir())) == 2
    assert story.api.served() == first


def test_a_training_that_finds_the_volume_full_is_told_in_its_own_words(story: Story) -> None:
    story.begin()
    (job,) = story.active_jobs()
    words = '{"reason": "StorageError", "message": "writing artifact: No space left on device"}'
    ended = {"name": "trainer", "state": {"terminated": {"exitCode": 74, "message": words}}}
    story.api.put(
        "pods",
        {
            "metadata": {
                "name": f"{job}-pod",
                "labels": {"tradinglab.dev/model": "btc", "batch.kubernetes.io/job-name": job},
            },
            "status": {"containerStatuses": [ended]},
        },
    )
    story.fail_job(job)
    story.settle()
    assert story.condition("Degraded") == ("True", "StorageError")
    assert "No space left on device" in str(story.status()["lastRun"])


def test_an_artifact_still_being_written_is_not_seen(story: Story) -> None:
    first = story.serve_first()
    whole = store_artifact(story.volume, "lab/btc", "by-hand", story.now + timedelta(hours=1))
    writing = whole.path.with_name(f".writing-{whole.version}")
    whole.path.rename(writing)
    story.settle()
    assert story.api.served() == first
    assert story.condition("Degraded") == ("False", "AsExpected")
    writing.rename(whole.path)
    story.settle()
    assert story.api.served() == whole.digest
