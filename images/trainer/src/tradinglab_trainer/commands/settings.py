"""What a training is told: by its Job through the environment, by a person through flags too."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tradinglab.logs import LogFormat


class Settings(BaseModel):
    """Each field is the environment variable TRADINGLAB_<NAME>."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Annotated[Path, Field(description="where artifacts, bars and trials are kept")]
    model: Annotated[
        str, Field(pattern=r"^[^/]+/[^/]+$", description="<namespace>/<name> of the TradingModel")
    ]
    spec: Annotated[str, Field(description="the TradingModel's spec as JSON")]
    job: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$", description="the name of this run")]
    bars: Annotated[
        Path | None, Field(description="CSV or CSV.GZ of bars to learn from, not the exchange's")
    ] = None
    champion: Annotated[str | None, Field(description="digest of the artifact in service")] = None
    exchange_rest_url: Annotated[
        str | None, Field(description="replaces the exchange's own address")
    ] = None
    termination_log: Annotated[
        Path | None, Field(description="file that gets the reason of a failure")
    ] = None
    log_format: Annotated[LogFormat, Field(description="text or json")] = "text"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="DEBUG to ERROR")
    ] = "INFO"
