"""Everything before the first bar: model, exchange, books, history. Called by the bot.

The bot is not ready, and decides nothing, until ledger and exchange agree.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.ledger import FIRST_TRADE_ID
from tradinglab.domain.bar import Bar
from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.market import timeframe_milliseconds
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import EngineState
from tradinglab.errors import ExchangeUnavailable
from tradinglab.logs import fields
from tradinglab.ports.broker import Broker
from tradinglab_bot import story
from tradinglab_bot.adoption import adopt_unknown
from tradinglab_bot.books import Books
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.window import Window, bars_needed

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
CATCH_UP_BARS = 500
STARTED_AFTER = "started_after"
T = TypeVar("T")


async def patiently(what: str, call: Callable[[], Awaitable[T]]) -> T:
    """Until the exchange answers; says so once, and once more when it does."""
    waited = False
    while True:
        try:
            result = await call()
        except ExchangeUnavailable as error:
            if not waited:
                log.info(f"waiting for the exchange ({what})", extra=fields(why=str(error)))
            waited = True
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            if waited:
                log.info(f"the exchange answers ({what})")
            return result


async def open_books(ledger: Ledger, broker: Broker) -> Books:
    """The engine's state from the ledger, or a fresh one from the account's balance."""
    rules = await patiently("rules", broker.rules)
    account = await patiently("account", broker.account)
    state = ledger.engine_state()
    if state is None:
        quote = account.total(rules.quote)
        state = EngineState(quote=quote, peak_equity=float(quote))
        newest = await patiently("trades", broker.newest_trade_id)
        with ledger.transaction():
            ledger.set_value(FIRST_TRADE_ID, str(newest))
            ledger.save_engine_state(state)
        held = account.total(rules.base)
        if held > 0:
            log.info(
                f"the account holds {story.amount(held)} {rules.base} that are not this bot's: "
                "left alone"
            )
    return Books(ledger, broker, rules, account, state)


async def reconcile(books: Books, executor: Executor) -> None:
    """Orders that the ledger lacks, unanswered intents, orders and fills since the last run,
    balances."""
    await patiently("orders that the ledger lacks", lambda: adopt_unknown(books))
    await patiently("orders of the last run", executor.resolve)
    await patiently("fills", lambda: books.synchronise(always=True))
    await patiently("balances", books.check_balances)
    position, live = books.state.position, books.ledger.live_orders()
    log.info(
        "reconciled",
        extra=fields(
            quote=f"{story.money(books.state.quote)} {books.rules.quote}",
            position=story.amount(position.quantity) if position else 0,
            open_orders=len(live),
        ),
    )


def _decided_until(ledger: Ledger, bars: list[Bar]) -> int | None:
    """The last bar that needs no decision: decided, or closed before the first start."""
    decided, started = ledger.last_decided_bar(), ledger.value(STARTED_AFTER)
    if decided is None and started is None and bars:
        with ledger.transaction():
            ledger.set_value(STARTED_AFTER, str(bars[-1].open_time))
        return bars[-1].open_time
    return decided if decided is not None else int(started) if started is not None else None


async def load_history(
    feed: Feed, model: ModelFacts, books: Books, policy: Policy
) -> tuple[Window, int]:
    """Fills the window and the engine's indicators; returns the window and the last bar in it.

    Bars that closed since the last decision are queued, so that each gets its own; beyond
    CATCH_UP_BARS the older ones are only observed.
    """
    bar_milliseconds = timeframe_milliseconds(model.timeframe)
    window = Window(model.lookback_bars, bar_milliseconds)
    wanted = bars_needed(model.lookback_bars)
    bars = await patiently("history", lambda: feed.recent(wanted + CATCH_UP_BARS))
    decided = _decided_until(books.ledger, bars)
    missed: list[Bar] = []
    if decided is not None:
        missed = [bar for bar in bars if bar.open_time > decided][-CATCH_UP_BARS:]
    warm = bars[: len(bars) - len(missed)]
    indicators = books.state.indicators
    for bar in warm:
        window.append(bar)
        indicators = indicators.observe(
            bar, bar_milliseconds, policy.atr_bars, policy.trailing_bars
        )
    books.state = books.state.model_copy(update={"indicators": indicators})
    for bar in missed:
        feed.queue.put_nowait(bar)
    if bars and decided is not None and bars[-1].open_time < decided:
        log.warning(
            "the market is behind the ledger: bars decided before are not decided again",
            extra=fields(market=story.instant(bars[-1].open_time), ledger=story.instant(decided)),
        )
    log.info(
        "history loaded",
        extra=fields(bars=len(bars), missed_while_down=len(missed), lookback=model.lookback_bars),
    )
    if bars:
        feed.last_price = bars[-1].close
    return window, bars[-1].open_time if bars else 0
