"""Killed at any moment, a writer or a remover leaves nothing that is loaded or reported."""

from pathlib import Path
from typing import Any

from tradinglab.artifact.store import (
    load_artifact,
    remove_artifact,
    remove_unfinished,
    scan_artifacts,
    sweep_removed,
)

FAR = 1000


def whole(found: list[Any]) -> bool:
    return all(load_artifact(each.path.parent, each.digest) == each for each in found)


def test_a_writer_killed_at_any_moment_leaves_the_whole_or_nothing(
    runs: Path, disk: Any, killed: Any, write_one: Any
) -> None:
    completed = False
    for moment in range(FAR):
        disk.count, disk.kill_at = 0, moment
        try:
            write_one(runs)
            completed = True
        except killed:
            pass
        disk.kill_at = None
        found, refused = scan_artifacts(runs)
        assert refused == [], f"killed at {moment}"
        assert len(found) <= 1 and whole(found), f"killed at {moment}"
        if completed:
            break
        for each in found:
            remove_artifact(runs, each.version)
    assert completed and moment > 10
    assert [each.name for each in runs.iterdir()] == [found[0].version]


def test_a_remover_killed_at_any_moment_leaves_the_whole_or_nothing(
    runs: Path, disk: Any, killed: Any, write_one: Any
) -> None:
    completed = False
    for moment in range(FAR):
        artifact = write_one(runs)
        disk.count, disk.kill_at = 0, moment
        try:
            remove_artifact(runs, artifact.version)
            completed = True
        except killed:
            pass
        disk.kill_at = None
        found, refused = scan_artifacts(runs)
        assert refused == [], f"killed at {moment}"
        assert found in ([], [artifact]) and whole(found), f"killed at {moment}"
        if completed:
            break
        sweep_removed(runs)
        assert [each.name for each in runs.iterdir()] == [each.version for each in found]
    assert completed and moment > 3
    assert list(runs.iterdir()) == []


def test_what_a_killed_remover_left_goes_with_the_next_removal(runs: Path, write_one: Any) -> None:
    first, second = write_one(runs, 1), write_one(runs, 2)
    first.path.rename(runs / f".removing-{first.version}")
    remove_artifact(runs, second.version)
    assert list(runs.iterdir()) == []


def test_what_a_killed_writer_left_is_not_loaded_and_goes(runs: Path, write_one: Any) -> None:
    artifact = write_one(runs)
    artifact.path.rename(runs / f".writing-{artifact.version}")
    assert scan_artifacts(runs) == ([], [])
    remove_unfinished(runs)
    assert list(runs.iterdir()) == []
