"""The id under which answer and log speak of one request.

Given by the frame, and by the server to requests that it refuses itself.
"""

import itertools
import re
import secrets
from typing import Final

HEADER: Final = "X-Request-Id"
PATTERN: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestIds:
    """Fresh ids differ between processes and instances. Safe to share between threads."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._prefix = secrets.token_hex(8)

    def of(self, given: str | None) -> str:
        """The id that the client gave, or a fresh one where it gave none or an odd one."""
        if given is not None and PATTERN.fullmatch(given):
            return given
        return f"{self._prefix}{next(self._numbers):016x}"
