"""A fetching process that is killed at a chosen point of its work on the store.

Run in a child process by the kill tests. Where a commit is to be torn in the middle, the kernel
ends the process at the write that makes a file of the store longer than the limit: some pages of
the commit are then on disk, the rest is not, and the journal is hot. Everywhere else it is SIGKILL.
"""

import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

from tradinglab.adapters.bars_history import BarsHistory, public_client
from tradinglab.adapters.bars_store import BarsStore
from tradinglab.domain.market import Market

MARKET = Market("binance", "BTC/USDT", "1h")


@dataclass(frozen=True)
class Kill:
    """`before_commit`, `after_commit`: of the n-th page; `in_insert`: after so many steps of
    SQLite's machine; `at_size`: in a write that would make a file longer, in bytes."""

    before_commit: int = 0
    after_commit: int = 0
    in_insert: int = 0
    at_size: int = 0


def fetch(directory: Path, rest_url: str, history_milliseconds: int, kill: Kill) -> None:
    commits = pages = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def traced(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"
        if commits and commits == kill.before_commit:
            die()

    def progressed(*_: object) -> None:
        nonlocal pages
        pages += 1
        if pages == kill.after_commit:
            die()

    store = BarsStore(directory, MARKET)
    store._connection.set_trace_callback(traced)
    if kill.in_insert:
        store._connection.set_progress_handler(die, kill.in_insert)
    if kill.at_size:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (kill.at_size, resource.RLIM_INFINITY))
    history = BarsHistory(public_client(rest_url), MARKET)
    history.update(store, history_milliseconds, progressed)
    store.close()
