"""Builds the exchange for each source of bars, and what makes its market move.

Called by the entry point. The three sources differ here and nowhere else.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

import aiohttp

from tradinglab.errors import ConfigurationError
from tradinglab_exchange import recorded, seeded
from tradinglab_exchange.book import Book
from tradinglab_exchange.candles import INTERVAL_MS, Candle
from tradinglab_exchange.exchange import Exchange
from tradinglab_exchange.market import Market
from tradinglab_exchange.mirror import Mirror, Upstream
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.player import Player
from tradinglab_exchange.settings import Settings, Source
from tradinglab_exchange.state import Position, Store

DEFAULT_SEEDED_HISTORY = 17_520
_UPSTREAM_TIMEOUT = aiohttp.ClientTimeout(total=10.0)


@dataclass(frozen=True, slots=True)
class Running:
    """An exchange, and the coroutine function that moves its market."""

    exchange: Exchange
    play: Callable[[], Awaitable[None]]


@asynccontextmanager
async def prepared(settings: Settings, store: Store) -> AsyncIterator[Running]:
    """The exchange as its state file left it, or new."""
    if settings.source is Source.MIRROR:
        async with aiohttp.ClientSession(timeout=_UPSTREAM_TIMEOUT) as session:
            yield await _mirrored(settings, store, session)
    else:
        yield _played(settings, store)


def _book(settings: Settings, store: Store, **identity: object) -> Book:
    store.claim(
        {
            "source": settings.source.value,
            "symbol": settings.symbol,
            "timeframe": settings.timeframe,
            **identity,
        }
    )
    instrument = settings.instrument
    balances = {instrument.base: ZERO, instrument.quote: settings.quote_balance}
    if settings.pay_fees_in_bnb or settings.bnb_balance:
        balances["BNB"] = settings.bnb_balance
    return store.load_book(balances)


def _played(settings: Settings, store: Store) -> Running:
    position = store.load_position()
    closed, coming, origin = _bars(settings, position)
    book = _book(settings, store, **origin)
    market = Market(settings.instrument.symbol, settings.timeframe, closed)
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
        exchange.steps,
    )
    exchange.resume()
    if not settings.hold_until_subscribed:
        exchange.subscribed.set()
    return Running(exchange, lambda: player.run(exchange.subscribed))


def _bars(
    settings: Settings, position: Position
) -> tuple[list[Candle], Iterator[Candle], dict[str, object]]:
    """Closed bars (those already played included), the bars to come, and what they depend on."""
    if settings.bars is not None and settings.source is Source.BARS:
        candles = recorded.read_candles(settings.bars, INTERVAL_MS[settings.timeframe])
        history = _recorded_history(settings, len(candles))
        past = history + position.bars
        origin: dict[str, object] = {"bars": settings.bars.name, "history_bars": history}
        return candles[:past], iter(candles[past:]), origin
    history = settings.history_bars or DEFAULT_SEEDED_HISTORY
    endless = seeded.candles(settings.seed, settings.timeframe)
    origin = {"seed": settings.seed, "history_bars": history}
    return list(islice(endless, history + position.bars)), endless, origin


def _recorded_history(settings: Settings, total: int) -> int:
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


async def _mirrored(settings: Settings, store: Store, session: aiohttp.ClientSession) -> Running:
    symbol = settings.instrument.symbol
    upstream = Upstream(
        session, settings.upstream_rest_url or "", settings.upstream_stream_url or "", symbol
    )
    candles = await upstream.candles(settings.timeframe, None)
    seen = store.load_position().seen or candles[-2].open_time
    book = _book(settings, store, upstream=settings.upstream_rest_url)
    past = [candle for candle in candles[:-1] if candle.open_time <= seen] or candles[:1]
    market = Market(symbol, settings.timeframe, past)
    exchange = Exchange(settings, market, store, book, upstream.klines)
    mirror = Mirror(upstream, market, exchange, exchange.note_position, seen)
    return Running(exchange, mirror.run)
