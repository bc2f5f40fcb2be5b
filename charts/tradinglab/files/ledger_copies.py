"""Copies the bot's ledger while the bot trades, and puts a copy back while it does not.

Run by the chart's Jobs as `python ledger_copies.py backup|restore`, with LEDGER (the file), COPIES
(the folder) and KEEP (how many) in the environment.
"""

import fcntl
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from tradinglab.adapters.ledger.backup import backup as online_backup
from tradinglab.adapters.ledger.backup import verify
from tradinglab.errors import InputError, TradinglabError

PATTERN = "ledger-*.db"
CHOICE = "restore"  # a file in the folder of copies that names the one to put back


def say(text: str) -> None:
    sys.stdout.write(f"ledger: {text}\n")
    sys.stdout.flush()


def _durable_copy(source: Path, target: Path) -> None:
    """Whole under its name or not there at all."""
    part = target.with_name(f"{target.name}.part")
    with source.open("rb") as read, part.open("wb") as written:
        shutil.copyfileobj(read, written)
        written.flush()
        os.fsync(written.fileno())
    part.replace(target)


def backup(ledger: Path, copies: Path, keep: int, now: datetime) -> Path:
    """The newest copy; older ones than the `keep` newest are removed."""
    made = copies / f"ledger-{now:%Y%m%dT%H%M%SZ}.db"
    rows = online_backup(ledger, made)
    for old in sorted(copies.glob(PATTERN))[:-keep]:
        old.unlink()
    kept = len(list(copies.glob(PATTERN)))
    say(f"{made.name} holds {rows} decisions, {made.stat().st_size} bytes; {kept} copies kept")
    return made


def _chosen(copies: Path) -> Path:
    choice = copies / CHOICE
    if choice.is_file():
        return copies / Path(choice.read_text().strip()).name
    found = sorted(copies.glob(PATTERN))
    if not found:
        raise InputError(f"{copies} holds no copy, expected {PATTERN}")
    return found[-1]


def restore(ledger: Path, copies: Path, now: datetime) -> Path:
    """The newest copy, or the one that the file `restore` names; what was there is set aside."""
    chosen = _chosen(copies)
    rows = verify(chosen)
    with ledger.with_name(f"{ledger.name}.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{ledger} is in use: scale the bot to 0 replicas first") from None
        aside = f".before-{now:%Y%m%dT%H%M%SZ}"
        for path in (ledger, *(ledger.with_name(ledger.name + end) for end in ("-wal", "-shm"))):
            if path.exists():
                path.rename(path.with_name(path.name.replace(".db", f"{aside}.db")))
        _durable_copy(chosen, ledger)
    say(f"{chosen.name} with {rows} decisions is the ledger now; the former is kept beside it")
    return chosen


def main() -> int:
    ledger, copies = Path(os.environ["LEDGER"]), Path(os.environ["COPIES"])
    now = datetime.now(UTC)
    try:
        if sys.argv[1:] == ["restore"]:
            restore(ledger, copies, now)
        elif sys.argv[1:] == ["backup"]:
            backup(ledger, copies, int(os.environ["KEEP"]), now)
        else:
            raise InputError(f"found the arguments {sys.argv[1:]}, expected backup or restore")
    except (TradinglabError, OSError) as error:
        sys.stderr.write(f"ledger: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
