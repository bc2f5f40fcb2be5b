"""The picture that goes with a daily summary, drawn by a child process. Called by the outbox.

None instead of a picture never holds up the summary itself.
"""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from tradinglab.adapters.ledger.telegram_queries import Curve, alert_time, equity_curve
from tradinglab.errors import TradinglabError
from tradinglab.logs import fields

log = logging.getLogger(__name__)

PROGRAM = "tradinglab_bot.equity_picture"
DRAW_SECONDS = 20.0
FEWEST_BARS = 2
# The child gets no setting of the bot's, and with that none of its secrets.
INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


class DayPictures:
    """`symbol` is set once the market is known."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self.symbol = ""

    async def of_alert(self, alert_id: int) -> bytes | None:
        """Equity as it was when the alert was written, however late it is sent."""
        try:
            curve = await asyncio.to_thread(self._curve, alert_id)
            if len(curve.times) < FEWEST_BARS:
                return None
            return await _drawn(f"{self.symbol} equity".strip(), curve)
        except (OSError, TimeoutError, ValueError, TradinglabError) as error:
            why = str(error) or type(error).__name__
            log.warning("no picture for the daily summary", extra=fields(why=why))
            return None

    def _curve(self, alert_id: int) -> Curve:
        return equity_curve(self._ledger, alert_time(self._ledger, alert_id))


async def _drawn(title: str, curve: Curve) -> bytes:
    """Raises OSError, TimeoutError, or ValueError with the end of what the child said."""
    document = {
        "title": title,
        "times": curve.times,
        "equity": curve.equity,
        "close": curve.close,
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in INHERITED if name in os.environ},
    )
    try:
        async with asyncio.timeout(DRAW_SECONDS):
            picture, said = await child.communicate(json.dumps(document).encode())
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise ValueError(f"{PROGRAM} ended with {child.returncode}: {said.decode()[-200:].strip()}")
    return picture
