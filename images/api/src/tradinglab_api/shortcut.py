"""Continues streams before Flask routes anything: every bar of every client asks this one route.

Wrapped around the application. Answers the ordinary case only. Whatever is refused leaves no trace,
so it goes on to the application, which meets the same refusal and says why.
"""

import io
from collections.abc import Callable, Iterable
from typing import Final

from tradinglab.errors import TradinglabError
from tradinglab_api.bodies import JSON
from tradinglab_api.documents import STREAM_NAME
from tradinglab_api.frame import ROUTE_KEY, Environ, StartResponse, WSGIApplication
from tradinglab_api.problems import Problem

PREFIX: Final = "/v1/streams/"
ROUTE: Final = f"{PREFIX}<stream>"


class Shortcut:
    """`continued`: from a request and its stream's name to the answer's document."""

    def __init__(
        self, inner: WSGIApplication, continued: Callable[[Environ, str], bytes], digest: str
    ) -> None:
        self._inner = inner
        self._continued = continued
        self._headers = [("Content-Type", JSON), ("X-Artifact-Digest", digest)]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if (
            environ["REQUEST_METHOD"] == "POST"
            and path.startswith(PREFIX)
            and STREAM_NAME.fullmatch(path, len(PREFIX))
            and not environ.get("QUERY_STRING")
        ):
            body = environ["wsgi.input"].read()
            environ["wsgi.input"] = io.BytesIO(body)
            try:
                made = self._continued(environ, path[len(PREFIX) :])
            except (Problem, TradinglabError):
                environ["wsgi.input"].seek(0)
            else:
                environ[ROUTE_KEY] = ROUTE
                start_response("200 OK", [*self._headers, ("Content-Length", str(len(made)))])
                return [made]
        return self._inner(environ, start_response)
