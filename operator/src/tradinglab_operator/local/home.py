"""The directory that holds all state of the embedded default: what etcd is to a cluster.

Used by the local adapter. One process at a time owns it; every file is replaced whole.
"""

import contextlib
import fcntl
import json
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradinglab.artifact.store import translated_os_errors
from tradinglab.errors import ConfigurationError, StorageError
from tradinglab.resource.status import TradingModelStatus
from tradinglab_operator.manifest_file import NamedSpec
from tradinglab_operator.situation import Model


@dataclass(frozen=True)
class Home:
    """`path` is the data directory; `lock` the open file that holds its lock."""

    path: Path
    lock: int

    @classmethod
    def claim(cls, path: Path) -> "Home":
        """Raises ConfigurationError if another process owns the directory."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigurationError(
                f"data directory {path} cannot be used: {error.strerror}"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise ConfigurationError(
                f"data directory {path} is in use by process {owner or 'unknown'}; stop it or "
                "name another directory with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(path, descriptor)

    def release(self) -> None:
        os.close(self.lock)

    @property
    def volume(self) -> Path:
        return self.path / "volume"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger" / "ledger.db"

    @property
    def exchange_state(self) -> Path:
        return self.path / "exchange.db"

    @property
    def training_request(self) -> Path:
        """Where the bot asks for a training: what the annotation is to a cluster."""
        return self.path / "training-request"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def jobs(self) -> Path:
        return self.path / "jobs"

    def read(self, name: str) -> dict[str, Any] | None:
        """A JSON file of this directory; None if it is absent.

        Raises StorageError if it is no JSON: somebody else wrote there.
        """
        try:
            text = (self.path / name).read_text("utf-8")
        except FileNotFoundError:
            return None
        try:
            document = json.loads(text)
        except ValueError as error:
            raise StorageError(f"{self.path / name} is no JSON ({error}); move it away") from None
        return document if isinstance(document, dict) else None

    def write(self, name: str, document: dict[str, Any]) -> None:
        path = self.path / name
        with translated_os_errors(f"writing {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.new")
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.path / name).unlink()

    def apply(self, manifest: NamedSpec) -> None:
        """What `kubectl apply` is to a cluster: a changed spec is a new generation."""
        spec = manifest.spec.model_dump(mode="json", by_alias=True)
        known = self.read("model.json")
        name = f"{manifest.namespace}/{manifest.name}"
        if known is None:
            created = datetime.now(UTC).isoformat(timespec="seconds")
            known = {"name": name, "uid": str(uuid.uuid4()), "created": created, "generation": 0}
        if known["name"] != name:
            raise ConfigurationError(
                f"data directory {self.path} belongs to TradingModel {known['name']}, but the "
                f"manifest is of {name}; name another directory with --data"
            )
        before = known.get("spec")
        if before is not None and before["market"] != spec["market"]:
            for field in ("exchange", "symbol", "timeframe"):
                if before["market"][field] != spec["market"][field]:
                    raise ConfigurationError(
                        f"spec.market.{field} is {spec['market'][field]}, but data directory "
                        f"{self.path} was trained on {before['market'][field]}; name another "
                        "directory with --data"
                    )
        if before != spec:
            generation = int(known["generation"]) + 1
            self.write("model.json", {**known, "spec": spec, "generation": generation})

    def model(self, manifest: NamedSpec) -> Model:
        known = self.read("model.json")
        if known is None:
            raise StorageError(f"{self.path / 'model.json'} is gone")
        return Model(
            namespace=manifest.namespace,
            name=manifest.name,
            uid=str(known["uid"]),
            generation=int(known["generation"]),
            created_at=datetime.fromisoformat(known["created"]),
            spec=manifest.spec,
            status=TradingModelStatus.model_validate(self.read("status.json") or {}),
            training_request=self._training_request(),
        )

    def _training_request(self) -> str:
        try:
            return self.training_request.read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return ""
