"""A small artifact, and a disk on which a process is killed at a chosen moment."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.artifact.example_manifest import example_manifest

from tradinglab.artifact.manifest import FileEntry, Manifest
from tradinglab.artifact.store import Artifact, write_artifact

FILES = {"model.onnx": b"graph" * 100, "pipeline.json": b"{}"}


class Killed(BaseException):
    """The process ended here."""


class Disk:
    """Counts what changes the disk; at `kill_at` the process is killed, with half a file written.

    Only the calls by which artifacts are written and removed are counted.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kill_at: int | None = None
        self.count = 0
        for owner, name in (
            (os, "fsync"),
            (os, "unlink"),
            (os, "rmdir"),
            (Path, "mkdir"),
            (Path, "rename"),
            (Path, "unlink"),
            (shutil, "rmtree"),
        ):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))
        monkeypatch.setattr("tradinglab.artifact.store._write_synced", self._write)

    def _step(self) -> None:
        self.count += 1
        if self.kill_at is not None and self.count > self.kill_at:
            raise Killed

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self._step()
            return call(*arguments, **named)

        return counted

    def _write(self, path: Path, content: bytes) -> None:
        half = len(content) // 2
        for part in (b"", content[:half], content):
            self._step()
            path.write_bytes(part)


def write(runs: Path, seed: int = 1, files: dict[str, bytes] | None = None) -> Artifact:
    """Another seed gives another digest."""

    def manifest_with(entries: dict[str, FileEntry]) -> Manifest:
        return example_manifest(
            entries, trained_at=f"2024-01-01T00:{seed:02d}:00+00:00", seeds=(seed,)
        )

    return write_artifact(runs, FILES if files is None else files, manifest_with)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def killed() -> type[Killed]:
    return Killed


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "lab/btc/runs"


@pytest.fixture
def write_one() -> Callable[..., Artifact]:
    return write
