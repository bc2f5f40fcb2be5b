"""Entry point: `python -m tradinglab_exchange.main`, or the command tradinglab-exchange."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from itertools import islice

from aiohttp import web

from tradinglab import logs
from tradinglab.config import describe_settings, load_settings
from tradinglab.errors import ConfigurationError, TradinglabError
from tradinglab.logs import fields
from tradinglab_exchange import recorded, seeded
from tradinglab_exchange.candles import INTERVAL_MS, Candle
from tradinglab_exchange.exchange import Exchange
from tradinglab_exchange.market import Market
from tradinglab_exchange.player import Player
from tradinglab_exchange.settings import Settings, Source
from tradinglab_exchange.state import Position, Store

log = logging.getLogger("tradinglab_exchange")
DEFAULT_SEEDED_HISTORY = 17_520


def _recorded_split(settings: Settings, total: int) -> int:
    """How many of the recorded bars are past at the start."""
    if settings.history_bars is not None:
        history = settings.history_bars
    else:
        history = total - settings.live_bars if settings.live_bars else total // 2
    if not 1 <= history < total:
        raise ConfigurationError(
            f"{settings.bars} has {total} bars: {history} of history leave none to play, or none "
            f"before; set TRADINGLAB_HISTORY_BARS or TRADINGLAB_LIVE_BARS"
        )
    return history


def _bars(settings: Settings, position: Position) -> tuple[list[Candle], Iterator[Candle], int]:
    """Closed bars (those already played included), the bars to come, and the history's length."""
    if settings.source is Source.BARS and settings.bars is not None:
        candles = recorded.read_candles(settings.bars, INTERVAL_MS[settings.timeframe])
        history = _recorded_split(settings, len(candles))
        past = history + position.bars
        return candles[:past], iter(candles[past:]), history
    endless = seeded.candles(settings.seed, settings.timeframe)
    history = settings.history_bars or DEFAULT_SEEDED_HISTORY
    return list(islice(endless, history + position.bars)), endless, history


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT, or until the state file fails."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    store = Store(settings.state)
    try:
        position = store.load_position()
        closed, coming, history = _bars(settings, position)
        store.claim(_identity(settings, history))
        base, _, quote = settings.symbol.partition("/")
        book = store.load_book({base: settings.quote_balance * 0, quote: settings.quote_balance})
        market = Market(base + quote, settings.timeframe, closed)
        exchange = Exchange(settings, market, store, book)
        speed = settings.bars_per_second
        player = Player(
            market,
            exchange,
            coming,
            settings.live_bars - position.bars if settings.live_bars else None,
            1.0 / speed if speed else market.interval_ms / 1000,
            position,
            exchange.note_position,
        )
        exchange.resume()
        if not settings.hold_until_subscribed:
            exchange.subscribed.set()
        await _run(settings, exchange, player, stop)
    finally:
        store.close()
    log.info("stopped")


def _identity(settings: Settings, history: int) -> dict[str, object]:
    identity: dict[str, object] = {
        "source": settings.source.value,
        "symbol": settings.symbol,
        "timeframe": settings.timeframe,
    }
    if settings.source is Source.SEEDED:
        identity |= {"seed": settings.seed, "history_bars": history}
    if settings.source is Source.BARS:
        identity |= {"bars": settings.bars and settings.bars.name, "history_bars": history}
    return identity


async def _run(settings: Settings, exchange: Exchange, player: Player, stop: asyncio.Event) -> None:
    runner = web.AppRunner(exchange.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
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
            history_bars=len(exchange.market.closed),
        ),
    )
    playing = asyncio.create_task(player.run(exchange.subscribed))

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():
            stop.set()

    playing.add_done_callback(ended)
    exchange.on_failure = stop.set
    try:
        await stop.wait()
        if playing.done():
            playing.result()
        if exchange.failure is not None:
            raise exchange.failure
    finally:
        playing.cancel()
        await exchange.hub.disconnect_all()
        await exchange.user_streams.disconnect_all()
        await runner.cleanup()


def main() -> None:
    """Exit status: 0 stopped by a signal, 2 wrong setting or bars, 3 storage failed."""
    parser = argparse.ArgumentParser(
        prog="tradinglab-exchange",
        description="A spot exchange that speaks the Binance protocol. Settings:\n"
        + describe_settings(Settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    try:
        settings = load_settings(Settings, os.environ)
        logs.configure(settings.log_format, settings.log_level)
        asyncio.run(serve(settings))
    except TradinglabError as error:
        logging.getLogger("tradinglab_exchange").error("%s", error)
        print(f"tradinglab-exchange: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
