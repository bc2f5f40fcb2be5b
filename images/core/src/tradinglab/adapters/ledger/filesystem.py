"""Refuses a ledger on a network file system. Called when a ledger is opened for writing.

SQLite's WAL needs shared memory between processes and an honest fsync, which network file
systems do not give (SQLite documentation, "Write-Ahead Logging", and "How To Corrupt").
"""

from pathlib import Path

from tradinglab.errors import ConfigurationError

NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.glusterfs"}
    | {"fuse.sshfs", "fuse.s3fs", "fuse.rclone", "afs", "lustre", "beegfs", "fuse.cephfs"}
)
MOUNTS = Path("/proc/self/mounts")


def filesystem_type(folder: Path, mounts: str) -> str | None:
    """The type of the file system that holds `folder`, from the text of a mount table."""
    best, kind = -1, None
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def refuse_network_filesystem(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raises ConfigurationError; where there is no mount table nothing is known or refused."""
    if not mounts.exists():
        return
    kind = filesystem_type(folder.resolve(), mounts.read_text())
    if kind in NETWORK_TYPES:
        raise ConfigurationError(
            f"the ledger's folder {folder} is on a network file system ({kind}); expected a local "
            "one: SQLite's write-ahead log is not safe over a network"
        )
