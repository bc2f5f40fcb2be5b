"""Entry point of the trainer: settings in, one artifact out, an exit status that says what to do.

Called as the training Job's command and, by hand, as `tradinglab-trainer train`.
"""

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tradinglab.config import describe_settings, load_settings
from tradinglab.errors import ConfigurationError, TradinglabError
from tradinglab.logs import LogFormat, configure, fields
from tradinglab.resource.spec import TradingModelSpec

log = logging.getLogger(__name__)

INTERNAL_ERROR_STATUS = 70


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Annotated[Path, Field(description="where artifacts, bars and trials are kept")]
    model: Annotated[
        str, Field(pattern=r"^[^/]+/[^/]+$", description="<namespace>/<name> of the TradingModel")
    ]
    spec: Annotated[str, Field(description="the TradingModel's spec as JSON")]
    job: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$", description="the name of this run")]
    champion: Annotated[str | None, Field(description="digest of the artifact in service")] = None
    exchange_rest_url: Annotated[
        str | None, Field(description="replaces the exchange's own address")
    ] = None
    termination_log: Annotated[
        Path | None, Field(description="file that gets the reason of a failure")
    ] = None
    log_format: Annotated[LogFormat, Field(description="text or json")] = "text"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field()] = "INFO"


def parse_spec(document: str) -> TradingModelSpec:
    """Raises ConfigurationError that names the field."""
    try:
        return TradingModelSpec.model_validate_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "spec"
        raise ConfigurationError(
            f"spec.{where}: {first['msg']} (found {first.get('input')!r})"
        ) from None


def train(settings: Settings) -> None:
    """Imports TensorFlow only here: --help and a wrong setting answer at once."""
    spec = parse_spec(settings.spec)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    log.info("starting", extra=fields(job=settings.job, model=settings.model))
    from tradinglab_trainer.run import Run, execute

    execute(
        Run(
            volume=settings.volume,
            model=settings.model,
            job=settings.job,
            spec=spec,
            champion=settings.champion,
            exchange_rest_url=settings.exchange_rest_url,
        )
    )


def _fail(error: Exception, reason: str, termination_log: Path | None) -> None:
    log.error("training failed", extra=fields(reason=reason, cause=str(error)))
    if termination_log is not None:
        document = {"reason": reason, "message": str(error)[:2000]}
        termination_log.write_text(json.dumps(document))


def main(arguments: list[str] | None = None) -> None:
    """Exit status: 0 stored, 2 fix the input, 3 try again later, 70 a defect of ours."""
    parser = argparse.ArgumentParser(
        prog="tradinglab-trainer",
        description="Trains one artifact for a TradingModel.",
        epilog="Settings, from the environment:\n" + describe_settings(Settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_subparsers(dest="command", required=True).add_parser(
        "train", help="fetch bars, tune, fit, judge and store an artifact"
    )
    parser.parse_args(arguments)
    termination_log: Path | None = None
    if path := os.environ.get("TRADINGLAB_TERMINATION_LOG"):
        termination_log = Path(path)
    try:
        settings = load_settings(Settings, os.environ)
        configure(settings.log_format, settings.log_level)
        train(settings)
    except TradinglabError as error:
        _fail(error, error.reason, termination_log)
        sys.exit(error.exit_status)
    except Exception as error:
        _fail(error, "InternalError", termination_log)
        log.exception("unexpected")
        sys.exit(INTERNAL_ERROR_STATUS)


if __name__ == "__main__":
    main()
