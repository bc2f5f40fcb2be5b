"""Where the exchange is: its own addresses, its test network's, or those of a simulator.

Called by the bot when it puts its parts together. Source: Binance spot API documentation,
"General endpoint information" of the streams, the WebSocket API and the test network.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

SERVICE_NAME = re.compile(r"^[a-z][a-z0-9-]*$")
INTERNAL_ENDINGS = (".localhost", ".svc", ".cluster.local", ".internal")


@dataclass(frozen=True, slots=True)
class Addresses:
    """`rest` is None where the client knows the address itself."""

    rest: str | None
    stream: str
    websocket_api: str
    testnet: bool = False


def addresses(rest_url: str | None, stream_url: str | None, testnet: bool) -> Addresses:
    """Both URLs or none; a simulator serves the WebSocket API beside its streams."""
    if rest_url is not None and stream_url is not None:
        return Addresses(rest_url, stream_url, f"{stream_url.rstrip('/')}/ws-api/v3")
    if testnet:
        return Addresses(
            None,
            "wss://stream.testnet.binance.vision",
            "wss://ws-api.testnet.binance.vision/ws-api/v3",
            testnet=True,
        )
    return Addresses(
        None, "wss://stream.binance.com:9443", "wss://ws-api.binance.com:443/ws-api/v3"
    )


def is_internal(url: str) -> bool:
    """Whether the host can only be of this machine or cluster: a simulator is nowhere else.

    Names that the public DNS may hold never are, whoever owns them: a proxy of the real exchange is
    the real exchange.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(SERVICE_NAME.match(host)) or host.endswith(INTERNAL_ENDINGS)
    return address.is_private or address.is_loopback
