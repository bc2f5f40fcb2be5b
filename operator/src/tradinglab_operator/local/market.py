"""The simulated exchange and the bot of the embedded default: what they are started with.

Used by the lab. Both are kept running: one that ends unasked is started again after a pause.
"""

import http.client
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.local.child import Child
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.serving import free_port
from tradinglab_operator.local.story import Story

LONGEST_PAUSE_SECONDS = 30.0
TELEGRAM = ("TELEGRAM_TOKEN", "TELEGRAM_CHAT", "TELEGRAM_URL")
BINANCE_REST_URL = "https://api.binance.com"
BINANCE_STREAM_URL = "wss://stream.binance.com:9443"


class MarketSource(StrEnum):
    """Seeded: generated, with structure to find. Bars: recorded ones. Binance: its public data."""

    SEEDED = "seeded"
    BARS = "bars"
    BINANCE = "binance"


@dataclass(frozen=True)
class MarketChoice:
    """Which market is played, and how fast; `live_bars` None plays without end."""

    source: MarketSource = MarketSource.SEEDED
    bars: Path | None = None
    bars_per_second: float = 2.0
    live_bars: int | None = None
    seed: int | None = None


@dataclass
class Kept:
    """A program that is to run all the time."""

    program: str
    module: str
    settings: Mapping[str, object | None]
    story: Story
    logs: Path
    child: Child | None = None
    last_error: str = ""
    exit_status: int | None = None
    _crashes: int = 0
    _next_start: float = 0.0

    def step(self) -> None:
        """Starts it, or notes that it ended: with status 0 it is done and stays so."""
        if self.child is not None:
            status = self.child.exit_status()
            if status is None:
                return
            self.child.end()
            self.last_error, self.child, self.exit_status = self.child.last_error, None, status
            if status != 0:
                self._crashes += 1
                pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._crashes - 1))
                self._next_start = time.monotonic() + pause
                self.story.line(
                    "operator",
                    f"the {self.program} ended with status {status}"
                    + (f": {self.last_error}" if self.last_error else "")
                    + f"; restarted in {pause:.0f} s",
                    "WARNING",
                )
            return
        if self.exit_status != 0 and time.monotonic() >= self._next_start:
            self.child = Child(
                self.program, ("-m", self.module), self.settings, self.story, self.logs
            )

    @property
    def done(self) -> bool:
        return self.child is None and self.exit_status == 0


@dataclass
class Venue:
    """The exchange's address and keys, the same for one session."""

    home: Home
    story: Story
    spec: TradingModelSpec
    choice: MarketChoice
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    secret: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def exchange(self) -> Kept:
        choice, market = self.choice, self.spec.market
        mirror = choice.source is MarketSource.BINANCE
        settings: dict[str, object | None] = {
            "LISTEN": f"127.0.0.1:{self.port}",
            "SOURCE": "mirror" if mirror else choice.source.value,
            "SYMBOL": market.symbol,
            "TIMEFRAME": market.timeframe,
            "SEED": choice.seed,
            "BARS": choice.bars.resolve() if choice.bars else None,
            "HISTORY_BARS": market.history_bars if choice.source is MarketSource.SEEDED else None,
            "LIVE_BARS": choice.live_bars,
            "BARS_PER_SECOND": None if mirror else choice.bars_per_second,
            "HOLD_UNTIL_SUBSCRIBED": "true",
            "UPSTREAM_REST_URL": BINANCE_REST_URL if mirror else None,
            "UPSTREAM_STREAM_URL": BINANCE_STREAM_URL if mirror else None,
            "API_KEY": self.key,
            "API_SECRET": self.secret,
            "STATE": self.home.exchange_state.resolve(),
        }
        return Kept("exchange", "tradinglab_exchange.main", settings, self.story, self.home.logs)

    def bot(self, api_address: str, port: int) -> Kept:
        settings: dict[str, object | None] = {
            "API_URL": f"http://{api_address}",
            "EXCHANGE_REST_URL": self.rest_url,
            "EXCHANGE_STREAM_URL": f"ws://127.0.0.1:{self.port}",
            "EXCHANGE_KEY": self.key,
            "EXCHANGE_SECRET": self.secret,
            "LEDGER": self.home.ledger.resolve(),
            "TRAINING_REQUEST_FILE": self.home.training_request.resolve(),
            "LISTEN": f"127.0.0.1:{port}",
            "MAX_BARS": self.choice.live_bars,
        }
        for name in TELEGRAM:
            settings[name] = os.environ.get(f"TRADINGLAB_{name}") or None
        return Kept("bot", "tradinglab_bot.main", settings, self.story, self.home.logs)

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1.0)
        try:
            connection.request("GET", "/api/v3/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
