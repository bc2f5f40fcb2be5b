"""The newest lines of the log, kept in memory for who asks over Telegram. Set up by the bot."""

import logging
from collections import deque

from tradinglab.logs import TextFormatter

KEPT_LINES = 200
LONGEST_LINE = 300


class LogTail(logging.Handler):
    """Lines of INFO and above, whatever else the log's threshold lets through."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(TextFormatter())
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """The first line of each record, which names what happened; never a traceback."""
        self._lines.append(self.format(record).partition("\n")[0][:LONGEST_LINE])

    def newest(self, count: int) -> tuple[str, ...]:
        """Oldest first."""
        return tuple(self._lines)[-count:]
