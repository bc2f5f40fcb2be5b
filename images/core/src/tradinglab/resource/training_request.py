"""A request for a training, as it travels from who measured a drift to the operator.

Written by the bot as an annotation of the TradingModel, or as the line of a file; read by the
operator, which must not trust it: anybody who may annotate can write it.
"""

import re
from dataclasses import dataclass

from tradinglab.errors import ConfigurationError
from tradinglab.resource.rules import GROUP
from tradinglab.resource.spec import DIGEST_PATTERN

TRAINING_REQUESTED = f"{GROUP}/training-requested"
LONGEST_REASON = 500
SEPARATOR = ": "


@dataclass(frozen=True)
class TrainingRequest:
    """`digest` names the artifact that no longer fits, `reason` says why in words."""

    digest: str
    reason: str

    def encoded(self) -> str:
        """One line: `<digest>: <reason>`."""
        words = " ".join(self.reason.split())
        return f"{self.digest}{SEPARATOR}{words[:LONGEST_REASON]}"

    @classmethod
    def decoded(cls, line: str) -> "TrainingRequest":
        """Raises ConfigurationError for a line that does not begin with a digest."""
        digest, _, reason = line.strip().partition(SEPARATOR)
        if not re.match(DIGEST_PATTERN, digest):
            raise ConfigurationError(
                f"{TRAINING_REQUESTED} is {line[:100]!r}, expected '<digest>: <reason>' with a "
                "digest such as sha256:0123…"
            )
        return cls(digest, " ".join(reason.split())[:LONGEST_REASON])
