"""The commands `run` and `demo`: the embedded default without end, and bounded.

Called by the command line.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tradinglab.adapters.ledger.summary import LedgerSummary, read_summary
from tradinglab.errors import ConfigurationError, InputError
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.lab import Lab
from tradinglab_operator.local.market import MarketChoice, MarketSource
from tradinglab_operator.local.report import Report
from tradinglab_operator.local.story import Story
from tradinglab_operator.manifest_file import load_manifest

RUN_BARS_PER_SECOND = 2.0
DEMO_BARS_PER_SECOND = 4.0
DEMO_LIVE_BARS = 240
DEMO_SECONDS = 600.0
INCOMPLETE_STATUS = 1


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser("run", help="train, serve and paper-trade here, until Ctrl-C")
    demo = commands.add_parser("demo", help="the same, bounded, with a summary at the end")
    run.add_argument("--data", type=Path, default=Path(".tradinglab"), help="holds all state")
    run.add_argument(
        "--exchange", choices=["binance"], help="the real exchange's public data, paper orders"
    )
    demo.add_argument("--data", type=Path, help="an empty or new directory; one is made if absent")
    demo.add_argument("--live-bars", type=int, default=DEMO_LIVE_BARS, help="bars to trade on")
    demo.add_argument(
        "--timeout", type=float, default=DEMO_SECONDS, help="give up after so many seconds"
    )
    for parser, speed in ((run, RUN_BARS_PER_SECOND), (demo, DEMO_BARS_PER_SECOND)):
        parser.add_argument("--manifest", type=Path, default=Path("manifests/demo.yaml"))
        parser.add_argument("--bars", type=Path, help="recorded bars, CSV or CSV.GZ, to replay")
        parser.add_argument("--speed", type=float, help=f"bars a second (default {speed:g})")
        parser.add_argument("--seed", type=int, help="of the generated market")


def _choice(given: argparse.Namespace, speed: float, live_bars: int | None) -> MarketChoice:
    binance = getattr(given, "exchange", None) == "binance"
    if binance and (given.bars or given.speed):
        raise ConfigurationError("--exchange binance goes at its own speed, without --bars")
    if given.speed is not None and not 0 < given.speed <= 1000:
        raise ConfigurationError(f"--speed is {given.speed:g}, expected more than 0, at most 1000")
    if given.bars is not None and not given.bars.is_file():
        raise ConfigurationError(f"--bars is {given.bars}, which is no file")
    source = MarketSource.BARS if given.bars else MarketSource.SEEDED
    return MarketChoice(
        source=MarketSource.BINANCE if binance else source,
        bars=given.bars,
        bars_per_second=given.speed or speed,
        live_bars=live_bars,
        seed=given.seed,
    )


def run(given: argparse.Namespace) -> int:
    """Until Ctrl-C."""
    story = Story()
    manifest = load_manifest(given.manifest)
    lab = Lab.prepare(given.data, manifest, _choice(given, RUN_BARS_PER_SECOND, None), story)
    story.line("operator", f"{manifest.namespace}/{manifest.name} from {given.manifest}; "
               f"state in {given.data}; Ctrl-C stops it")  # fmt: skip
    story.line("operator", f"bot's health at http://127.0.0.1:{lab.bot_port}/readyz, API at "
               f"http://{lab.cluster.serving.address}")  # fmt: skip
    lab.run()
    story.plain(
        f"Stopped; every program has ended. State is in {given.data}: the same command goes on "
        "from there."
    )
    return 0


def demo(given: argparse.Namespace) -> int:
    """Until every live bar is decided."""
    if given.live_bars < 1:
        raise ConfigurationError(f"--live-bars is {given.live_bars}, expected at least 1")
    manifest = load_manifest(given.manifest)
    choice = _choice(given, DEMO_BARS_PER_SECOND, given.live_bars)
    data = given.data or Path(tempfile.mkdtemp(prefix="tradinglab-demo-"))
    if data.exists() and any(data.iterdir()):
        raise ConfigurationError(f"data directory {data} is not empty; a demo starts from nothing")
    story = Story()
    lab = Lab.prepare(data, manifest, choice, story)
    story.line("operator", f"{manifest.namespace}/{manifest.name} from {given.manifest}; "
               f"state in {data}; ends after {given.live_bars} bars")  # fmt: skip
    started = time.monotonic()
    lab.run(lambda: lab.bot.done or time.monotonic() - started > given.timeout)
    seconds = time.monotonic() - started
    if lab.stopping.is_set():
        story.plain(f"Stopped before its end; every program has ended. State is in {data}.")
    report = Report(
        lab.cluster.model().status, _ledger(lab.home), choice.source, given.live_bars, seconds
    )
    story.plain(f"\n{report.table()}\n")
    for problem in report.missing():
        story.plain(f"  incomplete: {problem}")
    story.plain(report.result_line())
    return INCOMPLETE_STATUS if report.missing() else 0


def _ledger(home: Home) -> LedgerSummary | None:
    try:
        return read_summary(home.ledger)
    except InputError:
        return None
