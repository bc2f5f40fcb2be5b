"""`tradinglab-bot confirm-live` and `dry-start`: what a person does before real money is risked.

Called by the entry point.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tradinglab.adapters.binance.broker import BinanceBroker
from tradinglab.adapters.binance.client import Caller, make_client
from tradinglab.adapters.binance.history import BinanceHistory
from tradinglab.adapters.binance.permissions import key_permissions, refuse_dangerous
from tradinglab.adapters.binance.stream import BinanceStream
from tradinglab.adapters.inference_client import InferenceClient
from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.backup import backup
from tradinglab.domain.market import Market
from tradinglab.domain.order import OrderReport
from tradinglab.engine.decision import StepFacts
from tradinglab.engine.step import step
from tradinglab.errors import TradinglabError
from tradinglab.logs import fields
from tradinglab_bot import live, story
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.settings import BotSettings
from tradinglab_bot.startup import load_history, open_books, reconcile

log = logging.getLogger(__name__)

Clock = Callable[[], int]


def caller_of(settings: BotSettings) -> Caller:
    where = settings.addresses
    return Caller(
        make_client(
            where.rest,
            settings.exchange_key.get_secret_value(),
            settings.exchange_secret.get_secret_value(),
            where.testnet,
        )
    )


def inference_of(settings: BotSettings) -> InferenceClient:
    return InferenceClient(settings.api_url, api_key=settings.api_key)


async def confirm_live(settings: BotSettings, account: str, by: str, now: Clock) -> str:
    """Writes the confirmation; the bot must not be running. Raises ConfigurationError."""
    caller, inference = caller_of(settings), inference_of(settings)
    ledger = Ledger(Path(settings.ledger), now)
    try:
        await caller.synchronise()
        model = await Forecasts(inference, settings.forecast_seconds).wait_for_model()
        market = Market(model.exchange, model.symbol, model.timeframe)
        refuse_dangerous(await key_permissions(caller))
        found = await BinanceBroker(caller, market).account()
        made = live.confirm(ledger, found, account, model.symbol, settings.hard_limits, by, now)
    finally:
        await caller.close()
        await inference.aclose()
        ledger.close()
    return (
        f"confirmed: {made.symbol} on account {made.account}, at most {made.limits.words}; "
        "it holds until account, market or limits change"
    )


class WatchingBroker(BinanceBroker):
    """Asks the exchange, and changes nothing there."""

    async def cancel(self, order: OrderReport) -> None:
        log.info(f"would cancel {order.client_id} ({order.side} {order.quantity})")


async def dry_start(settings: BotSettings, now: Clock) -> int:
    """Does all of a start and one decision on a copy of the ledger, and sends nothing.

    Returns how many obstacles to live trading were found; each is logged.
    """
    caller, inference = caller_of(settings), inference_of(settings)
    with TemporaryDirectory(prefix="tradinglab-dry-start-") as folder:
        copy = Path(folder) / "ledger.db"
        if settings.ledger.exists():
            backup(settings.ledger, copy)
        ledger = Ledger(copy, now)
        try:
            return await _rehearse(settings, caller, inference, ledger)
        finally:
            await caller.close()
            await inference.aclose()
            ledger.close()


async def _rehearse(
    settings: BotSettings, caller: Caller, inference: InferenceClient, ledger: Ledger
) -> int:
    await caller.synchronise()
    forecasts = Forecasts(inference, settings.forecast_seconds)
    model = await forecasts.wait_for_model()
    market = Market(model.exchange, model.symbol, model.timeframe)
    broker = WatchingBroker(caller, market)
    account = await broker.account()
    log.info(
        "account",
        extra=fields(
            number=account.uid, taker_fee=account.taker_fee, limits=settings.hard_limits.words
        ),
    )
    obstacles = 0
    try:
        await live.admit(ledger, caller, account, model, settings.hard_limits)
    except TradinglabError as error:
        obstacles += 1
        log.warning(f"live trading would be refused: {error}")
    books = await open_books(ledger, broker)
    await reconcile(books, Executor(books))
    where = settings.addresses
    stream = BinanceStream(market, where.stream, settings.silence_seconds)
    feed = Feed(BinanceHistory(caller, market), stream, market.bar_milliseconds)
    window, last = await load_history(feed, model, books, settings.policy)
    state = books.state
    while not feed.queue.empty():
        bar = feed.queue.get_nowait()
        window.append(bar)
        state, _ = step(state, bar, None, StepFacts(model, books.rules, 0.0), settings.policy)
    snapshots, newest = window.snapshots(), window.newest()
    if snapshots is None or newest is None:
        log.warning("too few bars for a decision", extra=fields(last=story.instant(last)))
        return obstacles + 1
    forecast = await forecasts.forecast(snapshots, newest.open_time)
    facts = StepFacts(model, books.rules, account.taker_fee)
    state, decision = step(state, newest, forecast, facts, settings.policy)
    log.info(
        story.bar_line(
            newest, market.bar_milliseconds, forecast, decision, state, books.rules.quote
        )
    )
    log.info(decision.explanation, extra=fields(reason=decision.reason.value))
    for intent in decision.intents:
        log.info(f"would send:{story.intent_line(intent, books.rules)}")
    if not decision.intents:
        log.info("would send nothing")
    return obstacles
