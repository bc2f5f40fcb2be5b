"""The bot, killed with SIGKILL at a chosen point of its work.

Run as a program by the kill tests. KILL_AT is `<point>:<n>`: the n-th time that point is passed
once trading began. Points lie before and after each request that changes something at the
exchange (enter, protect, stop, exit, cancel), and before and after each commit of the ledger.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tradinglab.adapters.binance.broker import BinanceBroker
from tradinglab.adapters.ledger import Ledger
from tradinglab_bot.main import main
from tradinglab_bot.trader import Trader

KILL_AT, _, TIMES = os.environ.pop("KILL_AT").partition(":")
passed = 0
armed = False


def point(name: str) -> None:
    global passed
    if not armed or name != KILL_AT:
        return
    passed += 1
    if passed == int(TIMES):
        sys.stdout.write(f'{{"message": "killed", "point": "{name}"}}\n')
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def surrounded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any) -> Any:
        point(f"before {name}")
        result = await call(*args)
        point(f"after {name}")
        return result

    return wrapper


def watched(transaction: Callable[[Ledger], AbstractContextManager[None]]) -> Callable[..., Any]:
    @contextmanager
    def wrapper(ledger: Ledger) -> Iterator[None]:
        with transaction(ledger):
            yield
            point("before commit")
        point("after commit")

    return wrapper


def armed_at_first_bar(on_bar: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any) -> Any:
        global armed
        armed = True
        return await on_bar(*args)

    return wrapper


for operation in ("enter", "protect", "stop", "exit", "cancel"):
    setattr(BinanceBroker, operation, surrounded(operation, getattr(BinanceBroker, operation)))
Ledger.transaction = watched(Ledger.transaction)  # type: ignore[method-assign]
Trader._on_bar = armed_at_first_bar(Trader._on_bar)  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
