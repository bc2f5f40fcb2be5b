"""The API's settings, read from TRADINGLAB_* variables.

Called by the entry point; passed to nothing else whole.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from tradinglab.logs import LogFormat

ADDRESS = re.compile(r"^(?P<host>\[[0-9a-fA-F:]+\]|[^:]+):(?P<port>[0-9]{1,5})$")


class ApiSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Annotated[
        Path | None, Field(description="directory with the models; needed with a digest")
    ] = None
    model: Annotated[
        str | None,
        Field(pattern=r"^[^/\s]+/[^/\s]+$", description="<namespace>/<name> of the TradingModel"),
    ] = None
    digest: Annotated[
        str | None,
        Field(
            pattern=r"^sha256:[0-9a-f]{64}$",
            description="the one artifact to serve, sha256:…; unready without",
        ),
    ] = None
    listen: Annotated[str, Field(description="address:port; port 0 takes a free one")] = (
        "127.0.0.1:8080"
    )
    listen_fd: Annotated[
        int | None,
        Field(ge=3, description="descriptor of an inherited listening socket, served in addition"),
    ] = None
    threads: Annotated[int, Field(ge=1, le=64, description="requests answered at once")] = 4
    shutdown_delay_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=60,
            description="after SIGTERM, unready but accepting for so long: load balancers notice",
        ),
    ] = 0.0
    shutdown_grace_seconds: Annotated[
        float, Field(gt=0, le=60, description="then, to finish requests in flight")
    ] = 5.0
    max_body_bytes: Annotated[
        int, Field(ge=1024, le=1 << 30, description="of a request; larger is refused with 413")
    ] = 16 << 20
    max_streams: Annotated[
        int,
        Field(ge=1, le=100_000, description="named streams kept; the longest unused makes room"),
    ] = 64
    max_stream_bytes: Annotated[
        int, Field(ge=1 << 20, description="memory of all streams; at least one is kept")
    ] = 32 << 20
    rate_limit_per_second: Annotated[
        float, Field(ge=0, description="requests under /v1 of one client address; 0: no limit")
    ] = 0.0
    rate_limit_burst: Annotated[
        int, Field(ge=1, description="requests that a client may make at once within the limit")
    ] = 200
    api_key: Annotated[
        SecretStr | None,
        Field(description="demanded as `Authorization: Bearer …` under /v1; none by default"),
    ] = None
    log_format: Annotated[LogFormat, Field(description="text or json")] = "text"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="DEBUG shows each step")
    ] = "INFO"
    termination_log: Annotated[
        Path | None, Field(description="file for the reason of a refusal, as Kubernetes reads it")
    ] = None

    @field_validator("listen")
    @classmethod
    def _an_address(cls, value: str) -> str:
        found = ADDRESS.match(value)
        if not found or int(found["port"]) > 65535:
            raise ValueError("expected address:port such as 127.0.0.1:8080")
        return value

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
