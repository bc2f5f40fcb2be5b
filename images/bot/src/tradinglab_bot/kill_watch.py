"""Halts trading as soon as the kill switch is pulled. Started by the bot beside the trader."""

import asyncio
from collections.abc import Callable

from tradinglab.errors import StorageError
from tradinglab.ports.controls import ChangeRefused
from tradinglab_bot.limits import KillSwitch

LOOK_SECONDS = 0.5


async def watch_switch(switch: KillSwitch, halt: Callable[[str], object]) -> None:
    """`halt` is called once each time it is pulled; letting it go resumes nothing: a person does.

    A halt that cannot be recorded yet is tried again; meanwhile the limits let no entry pass.
    """
    was_pulled = False
    while True:
        pulled = switch.pulled_by()
        if pulled is None:
            was_pulled = False
        elif not was_pulled:
            try:
                halt(pulled)
                was_pulled = True
            except (ChangeRefused, StorageError):
                was_pulled = False
        await asyncio.sleep(LOOK_SECONDS)
