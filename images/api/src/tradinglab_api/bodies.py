"""Bodies as they travel: media type, gzip in and out, size. Called by the routes."""

import gzip
import zlib
from http import HTTPStatus
from typing import Any, Final

from flask import Request, Response

from tradinglab_api.problems import Problem

JSON: Final = "application/json"
SMALLEST_COMPRESSED: Final = 2048
FASTEST: Final = 1
GZIP_WINDOW: Final = 31  # zlib's code for a gzip header and the largest window


def received(environ: dict[str, Any], max_bytes: int, *media_types: str) -> bytes:
    """The body, uncompressed. Raises Problem: 415 for another type or coding, 413, 400."""
    if media_type(environ) not in media_types:
        found = environ.get("CONTENT_TYPE", "")
        raise _unsupported("Content-Type", found, " or ".join(media_types))
    body: bytes = environ["wsgi.input"].read()  # the server has it whole, and bounded
    coding = environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if coding == "identity":
        return body
    if coding != "gzip":
        raise _unsupported("Content-Encoding", coding, "gzip")
    return _unzipped(body, max_bytes)


def media_type(environ: dict[str, Any]) -> str:
    """Of the body, without parameters."""
    given: str = environ.get("CONTENT_TYPE", "")
    return given if given == JSON else given.partition(";")[0].strip().lower()


def answered(request: Request, body: bytes, digest: str | None = None) -> Response:
    """200 with JSON, compressed where the client takes it and it is worth it."""
    response = Response(body, content_type=JSON)
    if digest is not None:
        response.headers["X-Artifact-Digest"] = digest
    if len(body) >= SMALLEST_COMPRESSED:
        response.headers["Vary"] = "Accept-Encoding"
        if request.accept_encodings["gzip"] > 0:
            response.set_data(gzip.compress(body, FASTEST, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response


def _unzipped(body: bytes, max_bytes: int) -> bytes:
    decompressor = zlib.decompressobj(GZIP_WINDOW)
    try:
        plain = decompressor.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise _not_gzip(str(error)) from None
    if len(plain) > max_bytes:
        limit = f"at most {max_bytes} bytes"
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body has more than {max_bytes} bytes once uncompressed, expected {limit}",
            field="body",
            value="more",
            expected=limit,
        )
    if not decompressor.eof or decompressor.unused_data:
        raise _not_gzip("it is cut off" if not decompressor.eof else "something follows it")
    return plain


def _not_gzip(why: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        f"the body is not gzip, as Content-Encoding says: {why}",
        field="body",
        value=why,
        expected="one gzip member",
    )


def _unsupported(header: str, found: str, expected: str) -> Problem:
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"{header} is {found or 'absent'}, expected {expected}",
        field=header,
        value=found or "absent",
        expected=expected,
    )
