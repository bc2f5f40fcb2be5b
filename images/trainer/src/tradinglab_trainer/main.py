"""Entry point of the trainer: parses the command line, runs one command, says how it ended.

Called as the training Job's command and by people as `tradinglab-trainer`. Nothing heavy is
imported before the arguments are known to be right.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from tradinglab.errors import TradinglabError
from tradinglab_trainer.commands import (
    compare,
    evaluate,
    inspection,
    listing,
    train,
    trials,
    verify,
)
from tradinglab_trainer.commands.settings import Settings
from tradinglab_trainer.commands.train import INTERNAL_ERROR_STATUS

__all__ = ["Settings", "main"]

log = logging.getLogger(__name__)

PROGRAM = "tradinglab-trainer"
INTERRUPTED_STATUS = 130
EXAMPLES = """\
examples:
  tradinglab-trainer train --manifest model.yaml --bars bars.csv.gz --volume lab
  tradinglab-trainer list --volume lab
  tradinglab-trainer inspect latest --volume lab
  tradinglab-trainer evaluate latest --volume lab --bars newer.csv.gz
  tradinglab-trainer verify --all --volume lab

`tradinglab-trainer COMMAND --help` shows more of each.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Trains and judges models, and answers questions about trained ones.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (train, evaluate, inspection, listing, verify, compare, trials):
        command.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit status: 0 done, 2 fix the input, 3 try again later, 130 interrupted, 70 a defect."""
    given = _parser().parse_args(arguments)
    try:
        status = given.run(given)
        sys.stdout.flush()
    except TradinglabError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        status = error.exit_status
    except BrokenPipeError:  # its reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        status = INTERRUPTED_STATUS
    except Exception:
        log.exception("unexpected")
        status = INTERNAL_ERROR_STATUS
    sys.exit(status)


if __name__ == "__main__":
    main()
