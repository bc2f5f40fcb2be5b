"""The embedded default as a whole: exchange, trainings, API and bot under one data directory.

Called by the commands `run` and `demo`. Runs in the main thread until it is stopped or done, and
ends every child that it started.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradinglab.errors import ExchangeUnavailable
from tradinglab_operator.local.child import end_all
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.jobs import LocalJobs
from tradinglab_operator.local.market import Kept, MarketChoice, Venue
from tradinglab_operator.local.serving import LocalServing, free_port
from tradinglab_operator.local.story import Story, StoryHandler
from tradinglab_operator.local_processes import LocalProcesses
from tradinglab_operator.manifest_file import NamedSpec
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.situation import RunPhase
from tradinglab_operator.volume import Volume

STEP_SECONDS = 0.25
EXCHANGE_SECONDS = 60.0


@dataclass
class Lab:
    """One TradingModel at work on this machine."""

    home: Home
    story: Story
    cluster: LocalProcesses
    venue: Venue
    exchange: Kept
    bot: Kept
    stopping: threading.Event
    bot_port: int

    @classmethod
    def prepare(cls, data: Path, manifest: NamedSpec, choice: MarketChoice, story: Story) -> "Lab":
        """Claims the directory and applies the manifest; starts nothing yet."""
        home = Home.claim(data)
        home.apply(manifest)
        for directory in (home.volume, home.jobs, home.ledger.parent):
            directory.mkdir(parents=True, exist_ok=True)
        venue = Venue(home, story, manifest.spec, choice)
        volume = Volume(home.volume)
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        listener.set_inheritable(True)
        jobs = LocalJobs(home, volume, story, venue.rest_url)
        jobs.load()
        model = f"{manifest.namespace}/{manifest.name}"
        serving = LocalServing(home, model, story, listener)
        bot_port = free_port()
        return cls(
            home=home,
            story=story,
            cluster=LocalProcesses(home, manifest, volume, jobs, serving),
            venue=venue,
            exchange=venue.exchange(),
            bot=venue.bot(serving.address, bot_port),
            stopping=threading.Event(),
            bot_port=bot_port,
        )

    def run(self, done: Callable[[], bool] = lambda: False) -> None:
        """Until `done`, SIGINT, SIGTERM or SIGHUP; then every child is ended.

        Raises ExchangeUnavailable when the simulated exchange does not come up.
        """
        self._listen_to_signals()
        handler = StoryHandler(self.story)
        logging.getLogger().handlers[:] = [handler]
        logging.getLogger().setLevel(logging.INFO)
        try:
            self._start_exchange()
            reconciler = Reconciler(self.cluster)
            while not (self.stopping.is_set() or done()):
                self._step(reconciler)
                self.stopping.wait(STEP_SECONDS)
        finally:
            self.story.end_progress()
            self._end_everything()

    def _listen_to_signals(self) -> None:
        def stop(_number: int, _frame: object) -> None:
            self.stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)

    def _start_exchange(self) -> None:
        self.exchange.step()
        until = time.monotonic() + EXCHANGE_SECONDS
        while not self.stopping.is_set():
            child = self.exchange.child
            if child is None or child.exit_status() is not None:
                why = child.last_error if child else self.exchange.last_error
                raise ExchangeUnavailable(f"the exchange did not start: {why or 'see above'}")
            if self.venue.answers():
                return
            if time.monotonic() > until:
                raise ExchangeUnavailable(
                    f"the exchange did not answer on port {self.venue.port} within "
                    f"{EXCHANGE_SECONDS:.0f} s"
                )
            self.stopping.wait(STEP_SECONDS)

    def _step(self, reconciler: Reconciler) -> None:
        self.exchange.step()
        reconciler.visit()
        model = self.cluster.model()
        self.cluster.jobs.step(model)
        self.cluster.serving.step()
        if self.bot.child is not None or self.cluster.serving.serving().available:
            self.bot.step()
        self._show_progress()

    def _show_progress(self) -> None:
        model = self.cluster.model()
        active = [run for run in self.cluster.jobs.runs(model.key) if run.phase is RunPhase.ACTIVE]
        if not active:
            self.story.end_progress()
        elif active[0].stage:
            run = active[0]
            self.story.progress(run.stage, run.percent, run.detail)

    def _end_everything(self) -> None:
        """The bot first: it still wants to talk to the others. Signals change nothing now."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end_all([self.bot.child] if self.bot.child else [])
        end_all(
            [
                *self.cluster.jobs.children(),
                *self.cluster.serving.children(),
                *([self.exchange.child] if self.exchange.child else []),
            ]
        )
        self.cluster.serving.close()
        self.home.release()
