"""The program tradinglab-api: settings, sockets, the artifact, then serving until SIGTERM.

Started by a Deployment or by the embedded runner; `--help` lists its settings.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tradinglab import logs
from tradinglab.config import describe_settings, load_settings
from tradinglab.errors import ConfigurationError, StorageError, TradinglabError
from tradinglab.logs import fields
from tradinglab_api.application import create_application
from tradinglab_api.guard import Guard
from tradinglab_api.metrics import Metrics
from tradinglab_api.rate_limit import RateLimit
from tradinglab_api.server import Server
from tradinglab_api.serving import Service, load_service
from tradinglab_api.settings import ApiSettings
from tradinglab_api.streams import Streams

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Exit status 0 after SIGTERM or SIGINT, 2 when settings or artifact are refused, 3 when the
    disk refuses."""
    argparse.ArgumentParser(
        prog="tradinglab-api",
        description="Serves the forecasts of one artifact over HTTP.",
        epilog="settings (environment):\n" + describe_settings(ApiSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    try:
        settings = load_settings(ApiSettings, environ)
    except ConfigurationError as error:
        logs.configure()
        log.error("cannot start: %s", error)
        return error.exit_status
    logs.configure(settings.log_format, settings.log_level)
    try:
        _serve(settings)
    except TradinglabError as error:
        log.error("cannot serve: %s", error, extra=fields(reason=error.reason))
        _leave_termination_message(settings.termination_log, error)
        return error.exit_status
    except OSError as error:
        unreadable = StorageError(f"cannot load the artifact: {error}")
        log.error("cannot serve: %s", unreadable, extra=fields(reason=unreadable.reason))
        _leave_termination_message(settings.termination_log, unreadable)
        return unreadable.exit_status
    return 0


def _serve(settings: ApiSettings) -> None:
    stopping = threading.Event()
    servers: list[Server] = []

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        for server in servers:
            server.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sockets = [_bound(*settings.address)]
    if settings.listen_fd is not None:
        sockets.append(_inherited(settings.listen_fd))
    service = load_service(settings.volume, settings.model, settings.digest)
    guard, metrics = Guard(settings.api_key, _rate_limit(settings)), Metrics()
    application = create_application(
        service,
        metrics,
        max_body_bytes=settings.max_body_bytes,
        streams=_streams(service, settings),
        guard=guard,
        stopping=stopping.is_set,
    )
    server = Server(application, sockets, settings.threads, settings.max_body_bytes, guard, metrics)
    servers.append(server)
    if stopping.is_set():
        server.stop()
    host, port = sockets[0].getsockname()[:2]
    log.info(
        "serving" if service.predictor else f"not ready: {service.reason}",
        extra=fields(
            listen=f"{host}:{port}",
            digest=settings.digest,
            key_demanded=guard.demands_key,
            pid=os.getpid(),
        ),
    )
    server.run(settings.shutdown_delay_seconds, settings.shutdown_grace_seconds)
    log.info("stopped")


def _streams(service: Service, settings: ApiSettings) -> Streams | None:
    predictor = service.predictor
    if predictor is None:
        return None
    return Streams(
        predictor.facts.digest,
        predictor.pipeline,
        settings.max_streams,
        settings.max_stream_bytes,
    )


def _rate_limit(settings: ApiSettings) -> RateLimit | None:
    if not settings.rate_limit_per_second:
        return None
    return RateLimit(settings.rate_limit_per_second, settings.rate_limit_burst)


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: nobody connects before the artifact is verified."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"TRADINGLAB_LISTEN is {host}:{port}, which cannot be bound: {error.strerror or error}"
        ) from None
    return bound


def _inherited(descriptor: int) -> socket.socket:
    try:
        inherited = socket.socket(fileno=descriptor)
        listening = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ConfigurationError(
            f"TRADINGLAB_LISTEN_FD is {descriptor}, which is no socket: {error.strerror or error}"
        ) from None
    if not listening:
        raise ConfigurationError(
            f"TRADINGLAB_LISTEN_FD is {descriptor}, a socket that does not listen"
        )
    return inherited


def _leave_termination_message(path: Path | None, error: TradinglabError) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps({"reason": error.reason, "message": str(error)}))
    except OSError as refusal:
        log.warning("no termination message left: %s", refusal)


if __name__ == "__main__":
    sys.exit(main())
