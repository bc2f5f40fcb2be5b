"""The whole bot over real sockets: bar to order, a simulated year, resident memory.

    python -m tests.bench.bot_bench --latency-bars 240 --year-bars 8760

Exchange, API and bot are the product's programs. Peers of the same run: the libraries imported
alone for the memory, the closing frame's way through the same relay and back for the latency.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from tests.api import artifacts
from tests.api.artifacts import MODEL
from tests.bench.results import record
from tests.bench.wire import Wire
from tests.integration.account import ExchangeView, assert_agreement
from tests.integration.programs import Program, bot, exchange, until, until_async

from tradinglab.adapters.ledger import read_summary
from tradinglab.domain.forecast import DecisionFacts

YEAR = 8_760
ALONE = "import pandas, ta, ccxt.async_support, telegram"
RESIDENT = "print(open('/proc/self/statm').read().split()[1])"
TRADING = {"STOP_ATR": 3, "COOLDOWN_BARS": 0, "WATCH_SECONDS": 1, "STOP_GUARD_COUNT": 1000,
           "MAX_DRAWDOWN_FRACTION": 0.95, "DRAWDOWN_FLOOR_FRACTION": 0.05,
           "MAX_EXPOSURE_FRACTION": 0.05}  # fmt: skip


def megabytes(pages: str) -> float:
    return int(pages) * 4096 / 1e6


def resident(pid: int) -> float:
    return megabytes(Path(f"/proc/{pid}/statm").read_text().split()[1])


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def imported_alone() -> float:
    command = [sys.executable, "-c", f"{ALONE}; {RESIDENT}"]
    return megabytes(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def hopeful(**values: object) -> DecisionFacts:
    """Classes so far apart that most forecasts promise something: the bench wants orders."""
    return DecisionFacts(**{**values, "class_mean_returns": (9.0, 3.0, -1.0, -2.0)})


@contextmanager
def served(folder: Path):
    with patch.object(artifacts, "DecisionFacts", hopeful):
        artifact = artifacts.small_artifact(folder / "volume")
    settings = {"VOLUME": folder / "volume", "MODEL": MODEL, "DIGEST": artifact.digest,
                "LISTEN": "127.0.0.1:0"}  # fmt: skip
    program = Program("tradinglab_api.main", folder / "api.log", settings)
    try:
        listen = until(
            lambda: next((line["listen"] for line in program.lines() if "listen" in line), None),
            "the API to serve",
        )
        yield f"http://{listen}"
    finally:
        program.end()


async def latency(folder: Path, bars: int, bars_per_second: float) -> list[float]:
    """Seconds from each closing bar to the order that it led to, where it led to one."""
    with served(folder) as api, exchange(
        folder, SEED=7, HISTORY_BARS=2000, BARS_PER_SECOND=bars_per_second, LIVE_BARS=bars + 1,
        ORDER_LIMIT=10_000, REQUEST_WEIGHT_LIMIT=10_000_000,
    ) as address:  # fmt: skip
        async with Wire(address) as wire:
            program = bot(folder, wire.address, api, MAX_BARS=bars, **TRADING)
            try:
                wait = 60 + 3 * bars / bars_per_second
                await until_async(lambda: program.status is not None, "the bars", wait)
            finally:
                program.end()
            if program.status != 0:
                raise RuntimeError(program.text()[-2000:])
            return wire.seconds


async def year(folder: Path, bars: int, bars_per_second: float) -> tuple[float, float, float]:
    """Seconds, megabytes after a tenth of the bars, and at the end; ledger equals exchange."""
    ledger = folder / "ledger.db"
    with served(folder) as api, exchange(
        folder, SEED=11, HISTORY_BARS=2000, BARS_PER_SECOND=bars_per_second, LIVE_BARS=bars,
        ORDER_LIMIT=10_000, REQUEST_WEIGHT_LIMIT=10_000_000,
    ) as address:  # fmt: skip
        program = bot(folder, address, api, **TRADING)
        started = time.monotonic()
        early = 0.0

        def decided() -> int:
            return read_summary(ledger).bars_decided if ledger.exists() else 0

        try:
            while (count := decided()) < bars:
                if program.status is not None:
                    raise RuntimeError(program.text()[-2000:])
                if not early and count >= bars / 10:
                    early = resident(program.pid)
                await asyncio.sleep(0.5)
            seconds = time.monotonic() - started
            late, worked = resident(program.pid), processor_seconds(program.pid)
            program.terminate()
            await until_async(lambda: program.status is not None, "the end", 60)
        finally:
            program.end()
        view = await ExchangeView.fetch(address)
    assert_agreement(ledger, view)
    summary = read_summary(ledger)
    print(
        f"bot       {bars} bars in {seconds:.0f} s, {summary.orders} orders, "
        f"{summary.fills} fills, {summary.trades} trades, {1000 * worked / bars:.1f} ms of the "
        f"bot's processor a bar; ledger equals exchange"
    )
    return seconds, early, late


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-bars", type=int, default=240)
    parser.add_argument("--bars-per-second", type=float, default=3)
    parser.add_argument("--year-bars", type=int, default=YEAR)
    parser.add_argument("--year-bars-per-second", type=float, default=36)
    chosen = parser.parse_args(arguments)
    if chosen.latency_bars:
        with TemporaryDirectory() as folder:
            seconds = asyncio.run(
                latency(Path(folder), chosen.latency_bars, chosen.bars_per_second)
            )
        p50 = 1000 * statistics.median(seconds)
        p99 = 1000 * sorted(seconds)[int(0.99 * (len(seconds) - 1))]
        print(
            f"bot       bar to order: p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(seconds)} orders"
        )
        record("bot.bar_to_order_p50", p50, "ms", "<= 8")
        record("bot.bar_to_order_p99", p99, "ms", "<= 20")
    if chosen.year_bars:
        with TemporaryDirectory() as folder:
            seconds, early, late = asyncio.run(
                year(Path(folder), chosen.year_bars, chosen.year_bars_per_second)
            )
        alone = imported_alone()
        print(
            f"bot       resident {early:.0f} MB after a tenth, {late:.0f} MB at the end; the "
            f"libraries imported alone {alone:.0f} MB"
        )
        whole = chosen.year_bars == YEAR
        record("bot.year_seconds", seconds, "s", "<= 300" if whole else None)
        record("bot.resident", late, "MB", "<= 220" if whole else None, alone, alone / late)
        record("bot.growth", late - early, "MB")


if __name__ == "__main__":
    main()
