"""The bot's entry point: settings, logs, exit status."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from tradinglab import logs
from tradinglab.adapters.ledger.backup import backup, verify
from tradinglab.adapters.ledger.explanation import explain
from tradinglab.adapters.ledger.export import export
from tradinglab.config import describe_settings
from tradinglab.errors import TradinglabError
from tradinglab_bot.bot import Bot, resume, wall_milliseconds
from tradinglab_bot.live_commands import confirm_live, dry_start
from tradinglab_bot.settings import BotSettings, read_settings

log = logging.getLogger(__name__)

# Their debug lines hold request headers, and with them keys.
LOUD = ("ccxt", "telegram", "httpx", "httpcore", "websockets", "aiohttp")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tradinglab-bot",
        description="Trades one market on the forecasts of the API. Settings:\n"
        + describe_settings(BotSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--resume", action="store_true", help="end a halt, then exit")
    commands = parser.add_subparsers(dest="command", metavar="command", help="absent: trade")
    confirm = commands.add_parser("confirm-live", help="agree to trade with real money")
    confirm.add_argument("--account", required=True, help="the exchange's number of the account")
    confirm.add_argument("--by", required=True, help="who agrees")
    confirm.add_argument("--symbol", help="market, such as BTC/USDT; absent: the served model's")
    commands.add_parser("dry-start", help="start and decide once, send nothing, show all of it")
    copy = commands.add_parser("backup", help="copy the ledger, also while the bot trades")
    copy.add_argument("target", type=Path, help="file to write")
    written = commands.add_parser("export", help="the ledger's tables and trades as CSV")
    written.add_argument("folder", type=Path)
    told = commands.add_parser("explain", help="all that led to a trade, from the ledger")
    told.add_argument("trade", type=int, help="number of the trade, as /trades and export give it")
    commands.add_parser("check", help="the ledger's integrity")
    return parser


def _carry_out(arguments: argparse.Namespace, settings: BotSettings) -> int:
    """The exit status."""
    ledger = Path(settings.ledger)
    match arguments.command:
        case "confirm-live":
            doing = confirm_live(
                settings, arguments.account, arguments.by, arguments.symbol, wall_milliseconds
            )
            log.info(asyncio.run(doing))
        case "dry-start":
            return 1 if asyncio.run(dry_start(settings, wall_milliseconds)) else 0
        case "backup":
            log.info(f"copied {backup(ledger, arguments.target)} decisions to {arguments.target}")
        case "export":
            for path in export(ledger, arguments.folder):
                log.info(f"wrote {path}")
        case "explain":
            sys.stdout.write(explain(ledger, arguments.trade) + "\n")
        case "check":
            log.info(f"intact: {verify(ledger)} decisions")
        case _:
            if arguments.resume:
                log.info(resume(settings))
            else:
                asyncio.run(Bot(settings).run())
    return 0


def main() -> None:
    """Exit status: 0 stopped or MAX_BARS reached, 1 halted, 2 wrong setting, 3 storage failed."""
    arguments = _parser().parse_args()
    try:
        settings = read_settings(os.environ)
        logs.configure(settings.log_format, settings.log_level, settings.log_file)
    except TradinglabError as error:
        sys.stderr.write(f"tradinglab-bot: {error}\n")
        raise SystemExit(error.exit_status) from None
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        status = _carry_out(arguments, settings)
    except TradinglabError as error:
        log.error(str(error))
        raise SystemExit(error.exit_status) from None
    raise SystemExit(status)


if __name__ == "__main__":
    main()
