"""How the running bot fares: what health, readiness and /metrics are judged by.

Filled by the bot as its parts come up, read by the health server.
"""

import time
from dataclasses import dataclass
from decimal import Decimal

from tradinglab.adapters.ledger import Ledger
from tradinglab.engine.state import TradingMode
from tradinglab.errors import TradinglabError
from tradinglab_bot.account_watch import AccountWatch
from tradinglab_bot.books import Books
from tradinglab_bot.executor import Executor
from tradinglab_bot.feed import Feed
from tradinglab_bot.limits import KillSwitch
from tradinglab_bot.metrics import Sample, exposition
from tradinglab_bot.trader import Trader

STUCK_SECONDS = 600.0


@dataclass
class Progress:
    """Unhealthy is what a restart may mend; unready is whatever keeps it from trading, a person's
    word included: a halt turns readiness red and leaves health alone."""

    ledger: Ledger | None = None
    books: Books | None = None
    executor: Executor | None = None
    feed: Feed | None = None
    watch: AccountWatch | None = None
    trader: Trader | None = None
    switch: KillSwitch | None = None
    silence_seconds: float = 60.0

    def unhealthy(self) -> list[str]:
        if self.feed is None or self.trader is None:
            return []
        found = []
        age = self.feed.age_seconds
        if age > 3 * self.silence_seconds:
            found.append(f"no frame of the stream for {age:.0f} s")
        since = self.trader.busy_since
        # With a problem that is known, such as a full disk, waiting is right.
        if since is not None and self.trader.problem is None:
            busy = time.monotonic() - since
            if busy > STUCK_SECONDS:
                found.append(f"one bar is being decided for {busy:.0f} s")
        return found

    def unready(self) -> list[str]:
        if self.trader is None:
            return ["ledger and exchange are not reconciled yet"]
        problem = [self.trader.problem] if self.trader.problem else []
        return self.unhealthy() + problem + self._held_back()

    def _held_back(self) -> list[str]:
        """What a person or a limit decided, and only a person ends."""
        found = []
        if self.books is not None:
            state = self.books.state
            if state.mode is not TradingMode.NORMAL:
                found.append(f"trading is {state.mode.value}: nothing is opened")
            if state.entries_paused:
                found.append("a person paused entries")
        pulled = self.switch.pulled_by() if self.switch is not None else None
        if pulled is not None:
            found.append(f"the kill switch is pulled by {pulled}")
        return found

    def metrics(self) -> str:
        stages = self.trader.stages.of if self.trader is not None else {}
        return exposition([*self._money(), *self._machinery()], stages)

    def _money(self) -> list[Sample]:
        books, feed = self.books, self.feed
        if books is None or feed is None or feed.last_price is None:
            return []
        price, state = Decimal(repr(feed.last_price)), books.state
        equity = float(state.equity(price))
        held = float(state.base * price)
        peak = max(state.peak_equity, equity)
        halted = state.mode is TradingMode.HALTED
        unprotected = state.position.quantity - books.protected_quantity() if state.position else 0
        return [
            ("equity", "gauge", "Money and coins at the last price, in quote.", equity),
            ("drawdown", "gauge", "Fall below peak equity, a fraction.", 1 - equity / (peak or 1)),
            ("exposure", "gauge", "Coins over equity, a fraction.", held / (equity or 1)),
            ("halted", "gauge", "1 while trading is halted.", float(halted)),
            ("unprotected_base", "gauge", "Held coins under no stop.", max(float(unprotected), 0)),
            ("trades_total", "counter", "Closed trades.", state.closed_trades),
        ]

    def _machinery(self) -> list[Sample]:
        samples: list[Sample] = [
            ("ready", "gauge", "1 when it may open positions.", float(not self.unready())),
            ("outbox_length", "gauge", "Alerts waiting to be sent.", self._outbox()),
        ]
        if self.executor is not None:
            rejects = self.executor.rejects
            samples.append(("rejects_total", "counter", "Orders refused since start.", rejects))
        if self.trader is not None:
            decided = self.trader.decided
            samples.append(("decisions_total", "counter", "Bars decided since start.", decided))
        if (feed := self.feed) is not None:
            samples += [
                ("feed_age_seconds", "gauge", "Since the last frame.", feed.age_seconds),
                ("feed_reconnects_total", "counter", "Of the bars' stream.", feed.reconnects),
                ("bars_waiting", "gauge", "Closed and not decided.", feed.queue.qsize()),
            ]
        if (watch := self.watch) is not None:
            lost = watch.reconnects
            samples += [
                ("account_stream_up", "gauge", "Else REST alone.", float(watch.connected)),
                ("account_stream_reconnects_total", "counter", "Of the account's stream.", lost),
            ]
        return samples

    def _outbox(self) -> float | None:
        """None when the ledger cannot be read: a scrape must still answer."""
        if self.ledger is None:
            return None
        try:
            return self.ledger.alerts_waiting()
        except TradinglabError:
            return None
