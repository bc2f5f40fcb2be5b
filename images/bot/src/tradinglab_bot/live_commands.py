"""`tradinglab-bot confirm-live` and `dry-start`: what a person does before real money is risked.

Called by the entry point.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
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
from tradinglab.adapters.ledger.entered import entered_since
from tradinglab.domain.forecast import ModelFacts, Verdict
from tradinglab.domain.market import SYMBOL_PATTERN, Market
from tradinglab.domain.order import EnterIntent, Intent, OrderReport
from tradinglab.engine.decision import Decision, StepFacts
from tradinglab.engine.step import step
from tradinglab.errors import ConfigurationError, TradinglabError
from tradinglab.logs import fields
from tradinglab.ports.broker import Account
from tradinglab_bot import live, story
from tradinglab_bot.books import Books
from tradinglab_bot.bot import start_of_day
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.limits import KillSwitch, LimitedBroker
from tradinglab_bot.settings import BotSettings
from tradinglab_bot.startup import load_history, open_books, reconcile

log = logging.getLogger(__name__)

Clock = Callable[[], int]
MODEL_SECONDS = 20.0


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


async def confirm_live(
    settings: BotSettings, account: str, by: str, symbol: str | None, now: Clock
) -> str:
    """Writes the confirmation; the bot must not be running. Raises ConfigurationError.

    Without a symbol it is the served model's.
    """
    caller = caller_of(settings)
    ledger = Ledger(Path(settings.ledger), now)
    try:
        market = await _market(settings, symbol)
        await caller.synchronise()
        refuse_dangerous(await key_permissions(caller))
        found = await BinanceBroker(caller, market).account()
        made = live.confirm(ledger, found, account, market.symbol, settings.hard_limits, by, now)
    finally:
        await caller.close()
        ledger.close()
    return (
        f"confirmed: {made.symbol} on account {made.account}, at most {made.limits.words}; "
        "it holds until account, market or limits change"
    )


async def _market(settings: BotSettings, symbol: str | None) -> Market:
    """An account is asked for the same way in any timeframe."""
    if symbol is not None:
        if not re.match(SYMBOL_PATTERN, symbol):
            raise ConfigurationError(f"symbol {symbol!r}; expected one such as BTC/USDT")
        return Market("binance", symbol, "1h")
    inference = inference_of(settings)
    try:
        async with asyncio.timeout(MODEL_SECONDS):
            model = await Forecasts(inference, settings.forecast_seconds).wait_for_model()
    except TimeoutError:
        raise ConfigurationError(
            f"{settings.api_url} serves no model within {MODEL_SECONDS:g} s; expected one, or the "
            "market named with --symbol"
        ) from None
    finally:
        await inference.aclose()
    return Market(model.exchange, model.symbol, model.timeframe)


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
            return await _rehearse(settings, caller, inference, ledger, now)
        finally:
            await caller.close()
            await inference.aclose()
            ledger.close()


async def _rehearse(
    settings: BotSettings,
    caller: Caller,
    inference: InferenceClient,
    ledger: Ledger,
    now: Clock,
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
    switch = KillSwitch(settings.kill_file, settings.kill_annotation_file)
    obstacles = await _obstacles(settings, caller, ledger, account, model, switch)
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
    return obstacles + _show(
        decision.intents, books, _limited(settings, books, decision, switch, now)
    )


def _limited(
    settings: BotSettings, books: Books, decision: Decision, switch: KillSwitch, now: Clock
) -> LimitedBroker:
    """In trading an entry stands in the ledger when the day's sum is taken; in a rehearsal it does
    not, and is added."""
    entries = [each for each in decision.intents if isinstance(each, EnterIntent)]
    added = sum((each.quantity * each.limit_price for each in entries), Decimal(0))
    limited = LimitedBroker(
        books.broker,
        settings.hard_limits,
        switch,
        lambda: entered_since(books.ledger.path, start_of_day(now())) + added,
    )
    limited.held_quote = lambda price: books.state.base * price
    return limited


async def _obstacles(
    settings: BotSettings,
    caller: Caller,
    ledger: Ledger,
    account: Account,
    model: ModelFacts,
    switch: KillSwitch,
) -> int:
    """How many keep the bot from trading live, whatever the market does; each is logged."""
    found = []
    if not settings.live_enabled:
        found.append("TRADINGLAB_LIVE_ENABLED is false")
    if model.verdict is not Verdict.TRADEABLE:
        found.append(f"the model's verdict is {model.verdict}: {model.verdict_reason}")
    pulled = switch.pulled_by()
    if pulled is not None:
        found.append(f"the kill switch is pulled by {pulled}")
    try:
        await live.admit(ledger, caller, account, model, settings.hard_limits)
    except TradinglabError as error:
        found.append(str(error))
    for obstacle in found:
        log.warning(f"live trading would be refused: {obstacle}")
    return len(found)


def _show(intents: Sequence[Intent], books: Books, limited: LimitedBroker) -> int:
    """Returns how many the hard limits or the kill switch would keep back."""
    refused = 0
    for intent in intents:
        log.info(f"would send:{story.intent_line(intent, books.rules)}")
        problem = limited.problem(intent) if isinstance(intent, EnterIntent) else None
        if problem is not None:
            refused += 1
            log.warning(f"would not be sent: {problem}")
    if not intents:
        log.info("would send nothing")
    return refused
