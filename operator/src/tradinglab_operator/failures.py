"""Why a training failed, in words, from what the trainer left or how its process ended.

Used by both adapters of the cluster port.
"""

import json
import re
from dataclasses import dataclass

MAX_MESSAGE = 500
MAX_REASON = 128
SIGKILL_STATUSES = (137, -9)


@dataclass(frozen=True)
class Failure:
    """`reason` is a CamelCase word."""

    reason: str
    message: str


def reason_word(text: str) -> str:
    """`text` as a condition's reason, which knows only ASCII letters and digits: a kubelet says
    OutOfephemeral-storage, a device plugin OutOfexample.com/gpu."""
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", text) if part]
    word = "".join(part[:1].upper() + part[1:] for part in parts)[:MAX_REASON]
    return word if word[:1].isalpha() else f"Reason{word}" if word else ""


def told_by_trainer(text: str) -> Failure | None:
    """The trainer's termination message; None if it is not one."""
    try:
        document = json.loads(text)
        reason, message = str(document["reason"]), str(document["message"])
    except (ValueError, KeyError, TypeError):
        return None
    is_word = reason == reason_word(reason) != ""
    return Failure(reason, message[:MAX_MESSAGE]) if is_word else None


def deadline_exceeded(seconds: int) -> Failure:
    return Failure(
        "DeadlineExceeded",
        f"it took longer than training.deadlineSeconds ({seconds} s); raise it or train less",
    )


def out_of_memory(limit: str = "") -> Failure:
    return Failure(
        "OOMKilled",
        "it used more memory than it may"
        + (f" ({limit})" if limit else "")
        + "; raise training.resources.limits.memory or train less",
    )


def ended_with(status: int, last_words: str) -> Failure:
    """A process that left no message."""
    if status in SIGKILL_STATUSES:
        return Failure(
            "Killed", "it was killed by signal 9; the kernel does so when memory runs out"
        )
    words = f": {last_words}" if last_words else ""
    return Failure("TrainerFailed", f"it ended with status {status}{words}"[:MAX_MESSAGE])


def in_words(error: Exception) -> str:
    """A defect in one line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:MAX_MESSAGE]
