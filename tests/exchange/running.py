"""Starts the exchange program as its users do, and the clients that talk to it."""

import hashlib
import hmac
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import ccxt
import ccxt.async_support
import ccxt.pro

START_SECONDS = 20.0
KEY, SECRET = "demo", "demo-secret"
STEPPED = {"stepped": "true", "bars_per_second": 10_000, "hold_until_subscribed": "false"}
FAST = {"TRADINGLAB_HISTORY_BARS": "300", "TRADINGLAB_BARS_PER_SECOND": "50"}


def environment(**settings: object) -> dict[str, str]:
    """An environment with no settings but these, listening on a free port."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TRADINGLAB_")}
    named = {f"TRADINGLAB_{name.upper()}": str(value) for name, value in settings.items()}
    return {
        **clean,
        "TRADINGLAB_LISTEN": "127.0.0.1:0",
        "TRADINGLAB_LOG_FORMAT": "json",
        **FAST,
        **named,
    }


@dataclass
class Program:
    """A running exchange."""

    process: subprocess.Popen[str]
    lines: "queue.Queue[str]"
    address: str = ""

    @property
    def rest(self) -> str:
        return f"http://{self.address}"

    @property
    def socket(self) -> str:
        return f"ws://{self.address}"

    def wait_for(self, message: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """The next log line with that message."""
        deadline = time.monotonic() + seconds
        while True:
            line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            record = json.loads(line)
            if record["message"] == message:
                return record

    def get(self, path: str, **params: object) -> Any:
        """Parsed answer of a public request, refusals included."""
        return fetch("GET", f"{self.rest}{path}?{urlencode(params)}")[1]

    def signed(self, method: str, path: str, **params: object) -> Any:
        return self.signed_with_status(method, path, **params)[1]

    def signed_with_status(self, method: str, path: str, **params: object) -> tuple[int, Any]:
        query = urlencode({"timestamp": int(time.time() * 1000), **params})
        signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.rest}/api/v3/{path}?{query}&signature={signature}"
        return fetch(method, url, {"X-MBX-APIKEY": KEY})

    def faults(self, **faults: object) -> None:
        self._control("_faults", faults)

    def heal(self) -> None:
        """Ends all faults."""
        fetch("DELETE", f"{self.rest}/_faults")

    def step(self, bars: int = 1) -> bool:
        """Plays that many bars of a stepped market; whether it has ended."""
        return self._control("_market", {"bars": bars})["ended"]

    def _control(self, path: str, document: object) -> Any:
        body = json.dumps(document).encode()
        with urlopen(Request(f"{self.rest}/{path}", data=body, method="POST"), timeout=20) as ok:
            return json.loads(ok.read())


def fetch(method: str, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON of one request, whatever the status."""
    try:
        with urlopen(Request(url, method=method, headers=dict(headers or {})), timeout=10) as ok:
            return ok.status, json.loads(ok.read())
    except HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


def start(**settings: object) -> Program:
    process = subprocess.Popen(
        [sys.executable, "-m", "tradinglab_exchange.main"],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    program = Program(process, lines)
    program.address = program.wait_for("listening")["address"]
    return program


def stop(program: Program) -> int:
    """Its exit status after SIGTERM."""
    if program.process.poll() is None:
        program.process.terminate()
    try:
        return program.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        program.process.kill()
        raise


@contextmanager
def exchange(**settings: object) -> Iterator[Program]:
    program = start(**settings)
    try:
        yield program
    finally:
        stop(program)


def _options() -> dict[str, object]:
    return {
        "apiKey": KEY,
        "secret": SECRET,
        "enableRateLimit": False,
        "options": {
            "fetchCurrencies": False,
            "fetchMargins": False,
            "fetchMarkets": {"types": ["spot"]},
            "adjustForTimeDifference": True,
        },
    }


def ccxt_client(program: Program) -> ccxt.binance:
    client = ccxt.binance(_options())
    client.urls["api"]["public"] = client.urls["api"]["private"] = f"{program.rest}/api/v3"
    return client


def ccxt_async_client(program: Program) -> ccxt.async_support.binance:
    client = ccxt.async_support.binance(_options())
    client.urls["api"]["public"] = client.urls["api"]["private"] = f"{program.rest}/api/v3"
    return client


def ccxt_stream_client(program: Program) -> ccxt.pro.binance:
    """The one that also listens: market streams and the WebSocket API."""
    client = ccxt.pro.binance(_options())
    client.urls["api"]["public"] = client.urls["api"]["private"] = f"{program.rest}/api/v3"
    client.urls["api"]["ws"]["spot"] = f"{program.socket}/ws"
    client.urls["api"]["ws"]["ws-api"]["spot"] = f"{program.socket}/ws-api/v3"
    return client


def subscribe_request(request_id: str = "1") -> str:
    """Asks the WebSocket API for the account's events."""
    params: dict[str, object] = {"apiKey": KEY, "timestamp": int(time.time() * 1000)}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    signature = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return json.dumps(
        {
            "id": request_id,
            "method": "userDataStream.subscribe.signature",
            "params": {**params, "signature": signature},
        }
    )
