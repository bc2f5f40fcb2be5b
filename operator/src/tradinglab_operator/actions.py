"""What the plan may ask for. Each action is safe to repeat.

Made by the plan, carried out by the adapters of the cluster port.
"""

from dataclasses import dataclass

from tradinglab.resource.status import TradingModelStatus


@dataclass(frozen=True)
class WriteStatus:
    """Always the first action: what is about to be done is remembered before it is done."""

    status: TradingModelStatus


@dataclass(frozen=True)
class RecordEvent:
    """A transition, for the log and for people."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True)
class StartTraining:
    """Creates the Job of this name; one that exists already is adopted."""

    name: str
    reason: str
    champion: str = ""


@dataclass(frozen=True)
class StopTraining:
    name: str
    reason: str


@dataclass(frozen=True)
class ServeDigest:
    digest: str


@dataclass(frozen=True)
class RemoveArtifact:
    version: str


@dataclass(frozen=True)
class RemoveTraining:
    """Clears away what is left of one that ended and was counted."""

    name: str


Action = (
    WriteStatus
    | RecordEvent
    | StartTraining
    | StopTraining
    | ServeDigest
    | RemoveArtifact
    | RemoveTraining
)
