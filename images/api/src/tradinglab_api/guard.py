"""Who may ask, and how often: the API's key and the rate limit of one client address.

Asked by the server before it takes a body in, and by the frame for every other request under /v1.
"""

import hmac
import math
import time
from http import HTTPStatus

from pydantic import SecretStr

from tradinglab_api.problems import Problem
from tradinglab_api.rate_limit import RateLimit


class Guard:
    """Without key and limit it lets everybody in. Safe to share between threads."""

    def __init__(
        self, api_key: SecretStr | None = None, rate_limit: RateLimit | None = None
    ) -> None:
        self._expected = f"Bearer {api_key.get_secret_value()}".encode() if api_key else None
        self._rate_limit = rate_limit

    @property
    def demands_key(self) -> bool:
        return self._expected is not None

    def refusal(self, client: str, authorization: str) -> Problem | None:
        """None when `client` (an address) may ask now, which counts as one request."""
        if self._rate_limit is not None:
            seconds = self._rate_limit.seconds_to_wait(client, time.monotonic())
            if seconds:
                return _too_often(client, self._rate_limit.per_second, seconds)
        if self._expected is None:
            return None
        found = authorization.encode("latin-1")
        return None if hmac.compare_digest(found, self._expected) else _another_key(bool(found))


def _too_often(client: str, per_second: float, seconds: float) -> Problem:
    expected = f"at most {per_second:g} requests a second"
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{client} asks too often, expected {expected}",
        field="client",
        value=client,
        expected=expected,
        headers={"Retry-After": str(math.ceil(seconds))},
    )


def _another_key(given: bool) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "the header Authorization is absent or holds another key, "
        "expected `Bearer <the API's key>`",
        field="Authorization",
        value="another key" if given else "absent",
        expected="Bearer <the API's key>",
        headers={"WWW-Authenticate": "Bearer"},
    )
