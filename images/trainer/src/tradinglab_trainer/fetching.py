"""Brings the stored bars up to date in a process of its own, and reads them.

Called by the run. The exchange's client holds 60 MB of memory for ever; the training, which comes
next, needs them on a small box.
"""

import logging
import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pandas as pd

from tradinglab.adapters.bars_store import BarsStore
from tradinglab.domain.market import Market
from tradinglab.errors import ExchangeUnavailable, TradinglabError

log = logging.getLogger(__name__)

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class Wanted:
    """The last `history_milliseconds` of a market, kept in `directory`; `rest_url` replaces the
    exchange's own address."""

    directory: Path
    market: Market
    history_milliseconds: int
    rest_url: str | None


def fetch(wanted: Wanted, on_progress: OnProgress) -> pd.DataFrame:
    """Raises what fetching raises: ConfigurationError, DataError, ExchangeUnavailable,
    StorageError."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_fetch, args=(sending, wanted), name="fetching", daemon=True)
    process.start()
    sending.close()  # so that its death is seen as the end of what it sends
    try:
        since = _followed(receiving, on_progress)
    except EOFError:
        process.join()
        raise ExchangeUnavailable(
            f"the process that fetches bars ended with {process.exitcode}, expected their range"
        ) from None
    finally:
        process.terminate()
        process.join()
    store = BarsStore(wanted.directory, wanted.market)
    try:
        return store.read(since)
    finally:
        store.close()


def _followed(receiving: Connection, on_progress: OnProgress) -> int:
    """Passes on what the process says until it names the open time from which bars count."""
    while True:
        said = receiving.recv()
        if isinstance(said, logging.LogRecord):
            logging.getLogger(said.name).handle(said)
        elif isinstance(said, tuple):
            on_progress(*said)
        elif isinstance(said, TradinglabError):
            raise said
        else:
            return int(said)


class _Sender(QueueHandler):
    """A log handler whose queue is the pipe."""

    def __init__(self, sending: Any) -> None:
        super().__init__(SimpleQueue())
        self._sending = sending

    def enqueue(self, record: logging.LogRecord) -> None:
        self._sending.send(record)


def _fetch(sending: Any, wanted: Wanted) -> None:
    """In the process of its own. Ctrl-C reaches it too, but the training ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from tradinglab.adapters.bars_history import BarsHistory, public_client

    root = logging.getLogger()
    root.handlers[:] = [_Sender(sending)]
    root.setLevel(logging.INFO)
    try:
        store = BarsStore(wanted.directory, wanted.market)
        try:
            history = BarsHistory(public_client(wanted.rest_url), wanted.market)
            since = history.update(
                store,
                wanted.history_milliseconds,
                lambda fraction, detail: sending.send((fraction, detail)),
            )
        finally:
            store.close()
    except TradinglabError as error:
        sending.send(error)
    else:
        sending.send(since)
