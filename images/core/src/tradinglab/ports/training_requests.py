"""Who is asked for a training. Fulfilled by a file and by the cluster, used by the bot."""

from typing import Protocol

from tradinglab.errors import RetryLater
from tradinglab.resource.training_request import TrainingRequest


class RequestNotTaken(RetryLater):
    """The request did not arrive; the same one may later."""


class TrainingRequests(Protocol):
    async def ask(self, request: TrainingRequest) -> None:
        """Asking twice for the same is asking once. Raises RequestNotTaken."""
