"""The API as it is served, with constant Flask routes beside it on the same server.

`/constant` is a bare Flask application's; `/constant/framed` one of the API's own application,
which gives every request an id, a count and a duration.

Started by the API's benchmark as a process of its own: it imports what the product does, so that
its memory is the product's. Prints its port.
"""

import os
import socket
import sys
from pathlib import Path


def main(volume: str, model: str, digest: str, core: str) -> None:
    os.sched_setaffinity(0, {int(core)})
    from flask import Flask, Response

    from tradinglab_api.application import create_application
    from tradinglab_api.metrics import Metrics
    from tradinglab_api.server import Server
    from tradinglab_api.serving import load_service
    from tradinglab_api.settings import ApiSettings
    from tradinglab_api.streams import Streams

    defaults = ApiSettings()
    service = load_service(Path(volume), model, digest)
    predictor = service.predictor
    if predictor is None:
        raise RuntimeError(service.reason)
    streams = Streams(digest, predictor.pipeline, defaults.max_streams, defaults.max_stream_bytes)
    application = create_application(
        service, Metrics(), max_body_bytes=defaults.max_body_bytes, streams=streams
    )
    plain = Flask("plain")

    @application.get("/constant/framed")
    @plain.get("/constant")
    def constant() -> Response:
        return Response(b'{"constant":true}', content_type="application/json")

    def both(environ, start_response):
        chosen = plain if environ["PATH_INFO"] == "/constant" else application
        return chosen(environ, start_response)

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = Server(both, [bound], threads=1, max_body_bytes=defaults.max_body_bytes)
    print(bound.getsockname()[1], flush=True)
    server.run(0, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
