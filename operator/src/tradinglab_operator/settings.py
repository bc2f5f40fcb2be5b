"""Settings of the operator in a cluster, read from the environment by `serve`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tradinglab.logs import LogFormat


class OperatorSettings(BaseModel):
    """Each field is the environment variable TRADINGLAB_<NAME>."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: Annotated[str, Field(min_length=1, description="the one namespace to serve")]
    release: Annotated[
        str | None,
        Field(
            description="label app.kubernetes.io/instance of our Deployment; when given, this "
            "operator does nothing while an older one serves the namespace"
        ),
    ] = None
    volume: Annotated[Path, Field(description="where the shared volume is mounted")]
    job_template: Annotated[Path, Field(description="YAML of the training Job")]
    listen: Annotated[
        str, Field(pattern=r"^.+:\d{1,5}$", description="host:port of the liveness probe")
    ] = "0.0.0.0:8080"
    tick_seconds: Annotated[float, Field(ge=1, le=60, description="visit at least this often")] = (
        5.0
    )
    successful_jobs_history_limit: Annotated[
        int, Field(ge=1, le=100, description="trainings of a model that ended well and are kept")
    ] = 3
    failed_jobs_history_limit: Annotated[
        int, Field(ge=1, le=100, description="failed trainings of a model that are kept")
    ] = 3
    log_format: Annotated[LogFormat, Field(description="text or json")] = "json"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="threshold")
    ] = "INFO"
