"""Checks key, signature and timestamp of a signed request.

Called by the REST and WebSocket API layers before a private operation.
"""

import hashlib
import hmac
from collections.abc import Callable

from tradinglab_exchange import parameters
from tradinglab_exchange.errors import ApiError, missing_parameter
from tradinglab_exchange.parameters import Params

_DEFAULT_WINDOW_MS = 5_000
_HIGHEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000


def _not_permitted() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


class Signatures:
    """One account's credentials; `server_time` is the machine's clock in milliseconds."""

    def __init__(
        self, api_key: str, api_secret: str, server_time: Callable[[], int], trading: bool = True
    ) -> None:
        self._api_key, self._secret, self._trading = api_key, api_secret.encode(), trading
        self.server_time = server_time

    def check_key(self, api_key: str | None) -> None:
        if not api_key:
            raise ApiError(-2014, "API-key format invalid.", status=401)
        if not hmac.compare_digest(api_key.encode(), self._api_key.encode()):
            raise _not_permitted()

    def check_trading(self) -> None:
        """Raises -2015 for a key that may only read."""
        if not self._trading:
            raise _not_permitted()

    def check(self, api_key: str | None, payload: str, params: Params) -> None:
        """`payload` is what was signed, exactly as sent."""
        self.check_key(api_key)
        timestamp = parameters.integer(params, "timestamp")
        if timestamp is None:
            raise missing_parameter("timestamp")
        window = parameters.integer(params, "recvWindow")
        if window is not None and window > _HIGHEST_WINDOW_MS:
            raise ApiError(-1131, "recvWindow must be less than 60000.")
        age = self.server_time() - timestamp
        if age <= -_AHEAD_MS:
            raise ApiError(
                -1021, "Timestamp for this request was 1000ms ahead of the server's time."
            )
        if age > (_DEFAULT_WINDOW_MS if window is None else window):
            raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
        signature = parameters.required(params, "signature")
        expected = hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature.lower().encode(), expected.encode()):
            raise ApiError(-1022, "Signature for this request is not valid.")
