"""What this process serves: one verified artifact, or nothing and the reason.

Made by the entry point before any connection is accepted; read by the routes.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from tradinglab.artifact.store import load_artifact, runs_directory, translated_os_errors
from tradinglab.errors import ConfigurationError
from tradinglab.logs import fields
from tradinglab.predictor import Predictor

log = logging.getLogger(__name__)

UNASSIGNED = "no artifact is assigned yet"


@dataclass(frozen=True)
class Service:
    """`predictor` is None while nothing is served; `reason` then says why."""

    predictor: Predictor | None
    reason: str = ""


def load_service(volume: Path | None, model: str | None, digest: str | None) -> Service:
    """The service of exactly `digest`: hashes verified, golden windows recomputed.

    Without a digest, a service that is not ready. Raises ArtifactError that names the file and
    both values, StorageError when the disk refuses.
    """
    if not digest:
        return Service(None, UNASSIGNED)
    if not (volume and model):
        raise ConfigurationError(
            f"TRADINGLAB_DIGEST is {digest}, but TRADINGLAB_VOLUME is {volume} and "
            f"TRADINGLAB_MODEL is {model}, expected both"
        )
    started = time.monotonic()
    with translated_os_errors(f"loading artifact {digest}"):
        artifact = load_artifact(runs_directory(volume, model), digest)
        log.debug("hashes verified", extra=fields(version=artifact.version))
        predictor = Predictor.load(artifact)
    predictor.verify_golden()
    log.info(
        "artifact loaded",
        extra=fields(
            digest=digest,
            version=artifact.version,
            symbol=predictor.facts.symbol,
            timeframe=predictor.facts.timeframe,
            verdict=predictor.facts.verdict.value,
            seconds=round(time.monotonic() - started, 3),
        ),
    )
    return Service(predictor)
