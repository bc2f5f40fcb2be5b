"""Names of runs: what makes a second Job for the same cause impossible.

Called by the training step of the plan. A name is the model's, then the cause (the scheduled
minute, `initial-<uid>`, `retry-<hash of the token>` or `drift-<hash of the digest>`), then
`-a<n>` for the n-th attempt.
"""

import hashlib
import re
from collections.abc import Container
from datetime import UTC, datetime

from tradinglab_operator.situation import Model

_ATTEMPT = re.compile(r"-a[0-9]+$")


def scheduled_name(model: Model, firing: datetime) -> str:
    return f"{model.name}-{int(firing.timestamp()) // 60}"


def initial_name(model: Model) -> str:
    return f"{model.name}-initial-{model.uid.replace('-', '')[:8]}"


def retry_name(model: Model, token: str) -> str:
    return f"{model.name}-retry-{hashlib.sha256(f'{model.uid} {token}'.encode()).hexdigest()[:8]}"


def drift_name(model: Model, digest: str) -> str:
    return f"{model.name}-drift-{hashlib.sha256(f'{model.uid} {digest}'.encode()).hexdigest()[:8]}"


def is_automatic(model: Model, name: str) -> bool:
    """Nobody asked for this run: a schedule or a reported drift did."""
    return scheduled_firing(model, name) is not None or name.startswith(f"{model.name}-drift-")


def is_requested(model: Model, name: str) -> bool:
    """A person's retryToken asked for it, and may ask for it again."""
    return name.startswith(f"{model.name}-retry-")


def base_of(name: str) -> str:
    return _ATTEMPT.sub("", name)


def attempt_name(base: str, taken: Container[str], first: int = 1) -> str:
    """The first name for this cause, from attempt `first` on, that is not taken."""
    attempt = first
    while (name := base if attempt == 1 else f"{base}-a{attempt}") in taken:
        attempt += 1
    return name


def scheduled_firing(model: Model, name: str) -> datetime | None:
    """The scheduled minute of a run; None if it had another cause."""
    found = re.fullmatch(re.escape(model.name) + r"-([0-9]{6,10})", base_of(name))
    return datetime.fromtimestamp(int(found[1]) * 60, UTC) if found else None
