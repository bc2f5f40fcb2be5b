"""How far a market and a model's results have moved from what training and gate knew.

Computed by evaluation.drift, kept in the bot's ledger, told in its log and alerts.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class DriftState(StrEnum):
    """`INSUFFICIENT`: neither features nor forecasts are enough to tell."""

    INSUFFICIENT = "insufficient"
    STEADY = "steady"
    DRIFTED = "drifted"


class FeatureDrift(BaseModel):
    """One stationary feature's PSI over the newest stretch, and the limit it is held to."""

    model_config = ConfigDict(frozen=True)

    name: str
    psi: float
    limit: float


class OutcomeDrift(BaseModel):
    """The forecasts whose outcome is known, scored; each figure beside the limit it is held to."""

    model_config = ConfigDict(frozen=True)

    log_loss: float
    log_loss_low: float
    log_loss_high: float
    log_loss_expected: float
    log_loss_limit: float
    ece: float
    ece_null: float
    ece_limit: float


class Drift(BaseModel):
    """One measurement. `features` is empty and `outcomes` None where there is too little to tell;
    `notes` then say what is lacking. `findings`: every limit that was passed, in words."""

    model_config = ConfigDict(frozen=True)

    bars: int
    forecasts: int
    effective_forecasts: float
    features: tuple[FeatureDrift, ...] = ()
    outcomes: OutcomeDrift | None = None
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> DriftState:
        if self.findings:
            return DriftState.DRIFTED
        if not self.features and self.outcomes is None:
            return DriftState.INSUFFICIENT
        return DriftState.STEADY

    @property
    def asks_for_training(self) -> bool:
        return self.state is DriftState.DRIFTED

    @property
    def reason(self) -> str:
        """In words: what was passed, or what is lacking."""
        return "; ".join(self.findings or self.notes) or "within every limit"
