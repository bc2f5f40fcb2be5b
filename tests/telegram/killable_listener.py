"""The listener as a program that is killed at its n-th write or call. Run by the kill tests.

Arguments: ledger, Telegram's root, token, chat, n (0: never killed; ends once nothing is left).
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.telegram import TelegramSender
from tradinglab.engine.policy import Policy
from tradinglab_bot.controls import LedgerControls
from tradinglab_bot.telegram_commands.listener import Listener
from tradinglab_bot.telegram_commands.moment import Moment


class Fuse:
    """Kills the process before the n-th of the calls it is put into, or right after it."""

    def __init__(self, number: int) -> None:
        self.left = number

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def in_call(self, owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def burning(*given: Any, **named: Any) -> Any:
            self.step()
            result = original(*given, **named)
            self.step()
            return result

        async def burning_later(*given: Any, **named: Any) -> Any:
            self.step()
            result = await original(*given, **named)
            self.step()
            return result

        is_async = asyncio.iscoroutinefunction(original)
        chosen: Callable[..., Any] = burning_later if is_async else burning
        setattr(owner, name, chosen)


async def main(path: str, root: str, token: str, chat: str, number: str) -> None:
    ledger = Ledger(Path(path), lambda: time.time_ns() // 1_000_000)
    sender = TelegramSender(token, chat, root)
    controls = LedgerControls(ledger, Policy(), may_ask_for_training=False)
    found = Listener(
        sender,
        ledger,
        frozenset({chat}),
        controls,
        lambda: Moment(ledger.path, Policy(), 0, 1.0, state=controls.state),
    )
    fuse = Fuse(int(number))
    for name in ("_execute", "set_value", "save_engine_state", "add_alert"):
        fuse.in_call(ledger, name)
    for name in ("updates", "reply", "replace", "answer_press"):
        fuse.in_call(sender, name)
    for _ in range(4):
        await found.look(0)
        await found.replied()
    await sender.aclose()
    ledger.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
