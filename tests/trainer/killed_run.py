"""Runs the trainer and kills it, without a chance to clean up, at its n-th write.

    python -m tests.trainer.killed_run N COUNT_FILE train …

A write is what the interpreter is about to do to the disk: opening a file for writing, creating,
renaming or removing one, opening a database. N = 0 only counts, into COUNT_FILE.
"""

import os
import signal
import sys
from pathlib import Path

WRITES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "sqlite3.connect", "shutil.rmtree"}
BEGIN = ("import", "compile")


class Killer:
    def __init__(self, at: int, volume: str) -> None:
        self.at, self.volume, self.seen = at, volume, []

    def __call__(self, event: str, arguments: tuple) -> None:
        if event.startswith(BEGIN) or not arguments:
            return
        target = str(arguments[0])
        if not target.startswith(self.volume):
            return
        if event == "open" and not (arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        if event in WRITES or event == "open":
            self.seen.append(f"{event} {Path(target).name}")
            if len(self.seen) == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    at, count_file, *arguments = sys.argv[1:]
    killer = Killer(int(at), os.environ["TRADINGLAB_VOLUME"])
    sys.addaudithook(killer)
    from tradinglab_trainer.main import main as trainer

    try:
        trainer(arguments)
    finally:
        Path(count_file).write_text("\n".join(killer.seen))


if __name__ == "__main__":
    main()
