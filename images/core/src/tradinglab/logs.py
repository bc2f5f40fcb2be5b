"""Structured logs: readable lines in a terminal, JSON in the cluster.

Called once by every program's entry point. Elsewhere: `logging.getLogger(__name__)` and
`log.info("what happened", extra=fields(digest=..., bar=...))`.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal

from tradinglab.errors import StorageError

LogFormat = Literal["text", "json"]
FILE_BYTES = 20_000_000
FILES_KEPT = 5


def fields(**values: object) -> dict[str, dict[str, object]]:
    """Key-value pairs for a log record's `extra`."""
    return {"fields": values}


def _pairs(record: logging.LogRecord) -> dict[str, Any]:
    return dict(getattr(record, "fields", {}))


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


class TextFormatter(logging.Formatter):
    """`12:00:01 message key=value …`, warnings and errors marked."""

    def format(self, record: logging.LogRecord) -> str:
        mark = "" if record.levelno in (logging.INFO,) else f"{record.levelname} "
        line = f"{_instant(record):%H:%M:%S} {mark}{record.getMessage()}"
        line += "".join(f" {key}={value}" for key, value in _pairs(record).items())
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and the pairs."""

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": _instant(record).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_pairs(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str)


def configure(
    log_format: LogFormat = "text", level: str = "INFO", file: Path | None = None
) -> None:
    """Sends the root logger to standard output in the given format, and to `file` if there is one,
    which is rotated: FILES_KEPT older ones beside it. Raises StorageError."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT))
        except OSError as error:
            raise StorageError(f"log file {file}: {error.strerror}") from error
    for handler in handlers:
        handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "urllib3", "asyncio", "werkzeug", "absl"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
