"""The bot's entry point: settings, logs, exit status."""

import argparse
import asyncio
import logging
import os
import sys

from tradinglab import logs
from tradinglab.config import describe_settings
from tradinglab.errors import TradinglabError
from tradinglab_bot.bot import Bot, resume
from tradinglab_bot.settings import BotSettings, read_settings

log = logging.getLogger(__name__)

# Their debug lines hold request headers, and with them keys.
LOUD = ("ccxt", "telegram", "httpx", "httpcore", "websockets", "aiohttp")


async def _run(settings: BotSettings) -> None:
    await Bot(settings).run()


def main() -> None:
    """Exit status: 0 stopped or MAX_BARS reached, 1 halted, 2 wrong setting, 3 storage failed."""
    parser = argparse.ArgumentParser(
        prog="tradinglab-bot",
        description="Trades one market on the forecasts of the API. Settings:\n"
        + describe_settings(BotSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--resume", action="store_true", help="end a halt, then exit")
    arguments = parser.parse_args()
    try:
        settings = read_settings(os.environ)
    except TradinglabError as error:
        sys.stderr.write(f"tradinglab-bot: {error}\n")
        raise SystemExit(error.exit_status) from None
    logs.configure(settings.log_format, settings.log_level)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        if arguments.resume:
            log.info(resume(settings))
            return
        asyncio.run(_run(settings))
    except TradinglabError as error:
        log.error(str(error))
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
