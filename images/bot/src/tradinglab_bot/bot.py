"""The running bot: its parts put together, and its end. Called by the entry point."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tradinglab.adapters.binance.account_stream import BinanceAccountStream
from tradinglab.adapters.binance.broker import BinanceBroker
from tradinglab.adapters.binance.client import Caller, make_client
from tradinglab.adapters.binance.history import BinanceHistory
from tradinglab.adapters.binance.stream import BinanceStream
from tradinglab.adapters.inference_client import InferenceClient
from tradinglab.adapters.kubernetes_request import KubernetesRequest
from tradinglab.adapters.ledger import Ledger, read_summary
from tradinglab.adapters.ledger.entered import entered_since
from tradinglab.adapters.request_file import RequestFile
from tradinglab.adapters.telegram import TelegramSender
from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.market import MILLISECONDS, Market
from tradinglab.engine.state import TradingMode
from tradinglab.errors import StorageError
from tradinglab.ports.controls import Change
from tradinglab.ports.training_requests import TrainingRequests
from tradinglab_bot import health, live, story
from tradinglab_bot.account_watch import AccountWatch
from tradinglab_bot.books import RESUMED, Books
from tradinglab_bot.control_duties import ControlDuties
from tradinglab_bot.controls import LedgerControls
from tradinglab_bot.day_picture import DayPictures
from tradinglab_bot.drift_watch import DriftWatch
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.forecasts import Forecasts
from tradinglab_bot.kill_watch import watch_switch
from tradinglab_bot.limits import KillSwitch, LimitedBroker
from tradinglab_bot.outbox import Outbox
from tradinglab_bot.progress import Progress
from tradinglab_bot.settings import BotSettings
from tradinglab_bot.startup import load_history, open_books, patiently, reconcile
from tradinglab_bot.telegram_commands.service import TelegramCommands
from tradinglab_bot.trader import Trader

log = logging.getLogger(__name__)

FINISH_SECONDS = 20.0
DRAIN_SECONDS = 3.0


def wall_milliseconds() -> int:
    return time.time_ns() // 1_000_000


def start_of_day(milliseconds: int) -> int:
    """Of the UTC day."""
    return milliseconds - milliseconds % MILLISECONDS["d"]


def resume(settings: BotSettings) -> str:
    """Ends a halt, by a person's decision; drawdown counts from the last recorded equity, and
    coins that the account lacks are given up. Returns what was done. The bot must not be running:
    the ledger has one writer."""
    ledger = Ledger(Path(settings.ledger), wall_milliseconds)
    try:
        state, last = ledger.engine_state(), read_summary(ledger.path).last_equity
        if state is None or state.mode is TradingMode.NORMAL:
            return "trading is not halted: nothing to resume"
        last = state.quote if last is None else last
        with ledger.transaction():
            ledger.set_value(RESUMED, "1")
            ledger.save_engine_state(state.resumed(float(last)))
            ledger.add_alert("resume", f"a person ended the halt at equity {story.money(last)}")
        return f"trading resumes at the next start; drawdown counts from {story.money(last)}"
    finally:
        ledger.close()


def training_requests(settings: BotSettings) -> TrainingRequests | None:
    """Who is asked for a training when the model has drifted."""
    if settings.training_request_model is not None:
        return KubernetesRequest(
            settings.kubernetes_url, settings.kubernetes_account, settings.training_request_model
        )
    if settings.training_request_file is not None:
        return RequestFile(settings.training_request_file)
    return None


class Bot:
    """One market, one account, one ledger."""

    def __init__(self, settings: BotSettings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._switch = KillSwitch(settings.kill_file, settings.kill_annotation_file)
        self._progress = Progress(switch=self._switch, silence_seconds=settings.silence_seconds)
        self._health: web.AppRunner | None = None

    async def run(self) -> None:
        """Until a signal, the last of MAX_BARS, or an error that only a person can mend."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        if settings.listen:
            self._health = await health.serve(
                settings.listen,
                self._progress.unhealthy,
                self._progress.unready,
                self._progress.metrics,
            )
        ledger = Ledger(Path(settings.ledger), wall_milliseconds)
        self._progress.ledger = ledger
        where = settings.addresses
        inference = InferenceClient(settings.api_url, api_key=settings.api_key)
        caller = Caller(
            make_client(
                where.rest,
                settings.exchange_key.get_secret_value(),
                settings.exchange_secret.get_secret_value(),
                where.testnet,
            )
        )
        telegram = self._telegram()
        try:
            await self._until_stopped(ledger, inference, caller, telegram)
        finally:
            await caller.close()
            await inference.aclose()
            if telegram is not None:
                await telegram.aclose()
            if self._health is not None:
                await self._health.cleanup()
            ledger.close()

    def _telegram(self) -> TelegramSender | None:
        token, chat = self._settings.telegram_token, self._settings.telegram_chat
        if token is None or chat is None:
            log.info("no Telegram token: alerts stay in this log and in the ledger")
            return None
        return TelegramSender(token.get_secret_value(), chat, self._settings.telegram_url)

    async def _until_stopped(
        self,
        ledger: Ledger,
        inference: InferenceClient,
        caller: Caller,
        telegram: TelegramSender | None,
    ) -> None:
        pictures = DayPictures(ledger.path)
        controls, commands = self._hands(ledger, telegram)

        def opened(books: Books, forecasts: Forecasts, feed: Feed) -> None:
            controls.attach(books, lambda: forecasts.model.digest)
            pictures.symbol = forecasts.model.symbol
            if commands is not None:
                commands.attach(books, forecasts, feed)

        trading = asyncio.ensure_future(self._trade(ledger, inference, caller, opened))
        switch = asyncio.ensure_future(
            watch_switch(self._switch, lambda by: controls.apply(Change.HALT, by))
        )
        listening = asyncio.ensure_future(commands.run() if commands else asyncio.sleep(0))
        outbox = Outbox(ledger, telegram, pictures.of_alert)
        sending = asyncio.ensure_future(outbox.run())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({trading, stopped, sending}, return_when=asyncio.FIRST_COMPLETED)
            if not trading.done():
                await asyncio.wait(
                    {trading}, timeout=FINISH_SECONDS if self._progress.trader else 0
                )
            if trading.done():
                trading.result()
            if sending.done():
                sending.result()
        except Exception as error:
            _alert(ledger, "error", f"bot stopped: {error}")
            raise
        else:
            _alert(ledger, "stop", "bot stopped; stops and take-profits stay at the exchange")
            log.info("stopped; stops and take-profits stay at the exchange")
        finally:
            await _ended(trading, stopped, listening, switch)
            await outbox.drain(DRAIN_SECONDS)
            await _ended(sending)

    def _hands(
        self, ledger: Ledger, telegram: TelegramSender | None
    ) -> tuple[LedgerControls, TelegramCommands | None]:
        """What a person can change, and over Telegram does."""
        settings = self._settings
        asks = training_requests(settings) is not None
        controls = LedgerControls(ledger, settings.policy, may_ask_for_training=asks)
        if telegram is None:
            return controls, None
        return controls, TelegramCommands(
            settings, ledger, telegram, controls, self._progress.unready
        )

    async def _trade(
        self,
        ledger: Ledger,
        inference: InferenceClient,
        caller: Caller,
        opened: Callable[[Books, Forecasts, Feed], None],
    ) -> None:
        """Prepares, then feeds, watches and trades until the trader ends or a part fails.

        `opened` is told of the books before anything else can change them.
        """
        settings = self._settings
        forecasts = Forecasts(inference, settings.forecast_seconds)
        model = await forecasts.wait_for_model()
        market = Market(model.exchange, model.symbol, model.timeframe)
        where = settings.addresses
        stream = BinanceStream(market, where.stream, settings.silence_seconds)
        feed = Feed(BinanceHistory(caller, market), stream, market.bar_milliseconds)
        await patiently("clock", caller.synchronise)
        broker = LimitedBroker(
            BinanceBroker(caller, market),
            settings.hard_limits,
            self._switch,
            lambda: entered_since(ledger.path, start_of_day(wall_milliseconds())),
        )
        if settings.live_enabled:
            account = await patiently("account", broker.account)
            await live.admit(ledger, caller, account, model, settings.hard_limits)
        books = await open_books(ledger, broker)
        broker.held_quote = lambda price: books.state.base * price
        opened(books, forecasts, feed)
        executor = Executor(books)
        await reconcile(books, executor)
        window, last = await load_history(feed, model, books, settings.policy)
        requests = training_requests(settings)
        drift = DriftWatch(ledger, requests)
        trader = Trader(feed, window, forecasts, books, executor, settings.policy, drift)
        account_stream = BinanceAccountStream(
            market,
            where.websocket_api,
            settings.exchange_key,
            settings.exchange_secret,
            caller.server_time,
        )
        watch = AccountWatch(
            account_stream, lambda trade: trade <= ledger.last_trade_id(), trader.look
        )
        progress = self._progress
        progress.books, progress.executor, progress.watch = books, executor, watch
        progress.feed, progress.trader = feed, trader
        _alert(ledger, "start", _started(model, books))
        deciding = asyncio.ensure_future(trader.run(self._stop, settings.max_bars))
        others = [
            asyncio.ensure_future(feed.run(last)),
            asyncio.ensure_future(trader.watch(settings.watch_seconds)),
            asyncio.ensure_future(watch.run()),
            asyncio.ensure_future(ControlDuties(ledger, books, trader, requests).run()),
        ]
        try:
            done, _ = await asyncio.wait({deciding, *others}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await trader.withdraw()
        finally:
            await _ended(deciding, *others)


async def _ended(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _alert(ledger: Ledger, kind: str, text: str) -> None:
    """Where the ledger cannot be written, the log has said it already."""
    try:
        with ledger.transaction():
            ledger.add_alert(kind, text)
    except StorageError as error:
        log.warning(f"alert not recorded: {error}")


def _started(model: ModelFacts, books: Books) -> str:
    return (
        f"bot started on {model.symbol} {model.timeframe}, model {model.version} "
        f"({model.verdict}), balance {story.money(books.state.quote)} {books.rules.quote}"
    )
