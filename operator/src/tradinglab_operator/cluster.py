"""The port through which the operator sees and acts. Two adapters implement it: Kubernetes and
local processes.

Called by the reconcile loop.
"""

from typing import Protocol

from tradinglab_operator.actions import Action
from tradinglab_operator.situation import Model, Situation


class ClusterTrouble(Exception):
    """An action could not be carried out. `reason` is a CamelCase word for the condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Cluster(Protocol):
    def observe(self) -> list[Situation]:
        """Every TradingModel, the oldest first, with what belongs to it.

        The fields that depend on other models (`training_elsewhere`, `deployment_taken_by`,
        `trouble`) are left for the caller. Raises ClusterTrouble when nothing can be seen now.
        """

    def apply(self, model: Model, action: Action) -> None:
        """Carries out one action; doing it twice is harmless. Raises ClusterTrouble."""
