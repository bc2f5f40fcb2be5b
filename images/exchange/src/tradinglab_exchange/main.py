"""Entry point: `python -m tradinglab_exchange.main`, or the command tradinglab-exchange."""

import argparse
import asyncio
import logging
import os
import signal
import sys

from aiohttp import web

from tradinglab import logs
from tradinglab.config import describe_settings, load_settings
from tradinglab.errors import ConfigurationError, TradinglabError
from tradinglab.logs import fields
from tradinglab_exchange.exchange import Exchange
from tradinglab_exchange.settings import Settings
from tradinglab_exchange.sources import Running, prepared
from tradinglab_exchange.state import Store

log = logging.getLogger("tradinglab_exchange")


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT, or until the state file fails."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    store = Store(settings.state)
    try:
        async with prepared(settings, store) as running:
            runner = await _listen(settings, running.exchange)
            try:
                await _play(running, stop)
            finally:
                await running.exchange.disconnect_all()
                await runner.cleanup()
    finally:
        store.close()
    log.info("stopped")


async def _listen(settings: Settings, exchange: Exchange) -> web.AppRunner:
    runner = web.AppRunner(exchange.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"TRADINGLAB_LISTEN: {settings.listen} cannot be listened on: {error.strerror}"
        ) from error
    host, port = runner.addresses[0][:2]
    log.info(
        "listening",
        extra=fields(
            address=f"{host}:{port}",
            source=settings.source.value,
            symbol=settings.symbol,
            timeframe=settings.timeframe,
            closed_bars=len(exchange.market.closed),
        ),
    )
    return runner


async def _play(running: Running, stop: asyncio.Event) -> None:
    """Until `stop`; raises what ended the market or the state file before."""
    playing = asyncio.ensure_future(running.play())

    def ended(task: asyncio.Future[None]) -> None:
        if not task.cancelled() and task.exception():
            stop.set()

    playing.add_done_callback(ended)
    running.exchange.on_failure = stop.set
    try:
        await stop.wait()
        if running.exchange.failure is not None:
            raise running.exchange.failure
        if playing.done():
            playing.result()
    finally:
        playing.cancel()


def main() -> None:
    """Exit status: 0 stopped by a signal, 2 wrong setting or bars, 3 storage or upstream failed."""
    argparse.ArgumentParser(
        prog="tradinglab-exchange",
        description="A spot exchange that speaks the Binance protocol. Settings:\n"
        + describe_settings(Settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        settings = load_settings(Settings, os.environ)
        logs.configure(settings.log_format, settings.log_level)
        asyncio.run(serve(settings))
    except TradinglabError as error:
        sys.stderr.write(f"tradinglab-exchange: {error}\n")
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
