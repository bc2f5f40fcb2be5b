"""What an artifact's training data looked like, and what the gate expected of its forecasts.

Made by the trainer, kept in the manifest, handed on by the API; the bot measures drift against it.
"""

from itertools import pairwise
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

FEATURE_COUNT: Final = 12
# The nine deciles, and the rarest thousandth on each side: without these a level that was never
# seen could not be told from a stretch within the outer decile.
EDGE_QUANTILES: Final = (0.001, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999)
BIN_COUNT: Final = len(EDGE_QUANTILES) + 1

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Edges = Annotated[
    tuple[Finite, ...], Field(min_length=len(EDGE_QUANTILES), max_length=len(EDGE_QUANTILES))
]
Fractions = Annotated[tuple[Positive, ...], Field(min_length=BIN_COUNT, max_length=BIN_COUNT)]
OfEachFeature = Field(min_length=FEATURE_COUNT, max_length=FEATURE_COUNT)
OfEachClass = Field(min_length=4, max_length=4)


class Reference(BaseModel):
    """Features are the stationary ones, in the order of SNAPSHOT_COLUMNS.

    `edges`: the EDGE_QUANTILES of the training rows; `fractions`: the share of training rows in
    each bin between them, none 0. `largest_psi`: of the stretch of `stretch_bars` training rows
    that is most unlike all of them; `stretches`: how many such stretches fit side by side.
    `class_threshold` and `har_coefficients` define the classes (features.labels). `prior`: class
    frequencies; `logit`: a multinomial logit on the last bar's components, one row of weights per
    class, the intercept last, or empty. `log_loss`, `ece`, `ece_null`: the gate's, out of fold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: Annotated[tuple[Edges, ...], OfEachFeature]
    fractions: Annotated[tuple[Fractions, ...], OfEachFeature]
    largest_psi: Annotated[tuple[NotNegative, ...], OfEachFeature]
    stretch_bars: Annotated[int, Field(ge=1)]
    stretches: Annotated[int, Field(ge=0)]
    class_threshold: Positive
    har_coefficients: Annotated[tuple[Finite, ...], Field(min_length=4, max_length=4)]
    prior: Annotated[tuple[NotNegative, ...], OfEachClass]
    logit: Annotated[tuple[tuple[Finite, ...], ...], Field(max_length=4)] = ()
    log_loss: NotNegative
    ece: NotNegative
    ece_null: NotNegative

    @model_validator(mode="after")
    def _edges_ascend(self) -> "Reference":
        for number, edges in enumerate(self.edges):
            if any(low > high for low, high in pairwise(edges)):
                raise ValueError(f"edges of feature {number} are {edges}, expected ascending")
        return self

    @model_validator(mode="after")
    def _logit_is_whole(self) -> "Reference":
        widths = {len(row) for row in self.logit}
        if self.logit and (len(self.logit) != 4 or len(widths) != 1):
            raise ValueError(
                f"logit has {len(self.logit)} rows of {sorted(widths)} weights, expected none or "
                "four of one length"
            )
        return self
