"""Counts request weight, requests, connections and new orders in fixed windows.

Called by the REST and WebSocket layers before every operation and connection. Who goes on
regardless of a 429 is banned.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from tradinglab_exchange.errors import ApiError

_MINUTE, _ORDER_WINDOW, _DAY = 60, 10, 86_400
_ORDERS_A_DAY = 200_000
_FIVE_MINUTES, _RAW_REQUESTS, _CONNECTIONS = 300, 61_000, 300
_REFUSALS_BEFORE_BAN = 50
_BAN_SECONDS = 120


@dataclass(slots=True)
class _Window:
    """What one address did in the current five minutes."""

    number: int = 0
    used: int = 0

    def count(self, now: float) -> int:
        current = int(now) // _FIVE_MINUTES
        if current != self.number:
            self.number, self.used = current, 0
        self.used += 1
        return self.used


class RateLimits:
    """`clock` gives seconds."""

    def __init__(self, weight_limit: int, order_limit: int, clock: Callable[[], float]) -> None:
        self._weight_limit, self._order_limit, self._clock = weight_limit, order_limit, clock
        self._weights: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._refusals: defaultdict[str, int] = defaultdict(int)
        self._banned_until: dict[str, float] = {}
        self._orders: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._requests: defaultdict[str, _Window] = defaultdict(_Window)
        self._sockets: defaultdict[str, _Window] = defaultdict(_Window)

    def used_weight(self, address: str) -> int:
        return self._weights[(address, int(self._clock()) // _MINUTE)]

    def used_orders(self) -> tuple[int, int]:
        """In the current 10 seconds and day."""
        now = int(self._clock())
        return (
            self._orders[(_ORDER_WINDOW, now // _ORDER_WINDOW)],
            self._orders[(_DAY, now // _DAY)],
        )

    def spend(self, address: str, weight: int) -> None:
        """Raises 429 beyond the limit, 418 for who ignores that."""
        now = self._clock()
        banned_until = self._banned_until.get(address, 0.0)
        if now < banned_until:
            raise _too_much(418, banned_until, now)
        window = int(now) // _MINUTE
        key = (address, window)
        if self._weights[key] + weight > self._weight_limit:
            self._refusals[address] += 1
            if self._refusals[address] > _REFUSALS_BEFORE_BAN:
                self._refusals[address] = 0
                self._banned_until[address] = now + _BAN_SECONDS
                raise _too_much(418, now + _BAN_SECONDS, now)
            raise ApiError(
                -1003,
                f"Too much request weight used; current limit is {self._weight_limit} request "
                f"weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid "
                f"polling the API.",
                status=429,
                retry_after_seconds=max(1, int((window + 1) * _MINUTE - now)),
            )
        if self._requests[address].count(now) > _RAW_REQUESTS:
            raise _too_many("Too many requests; current limit is 61000 requests per 5 MINUTE.", now)
        self._weights[key] += weight
        if len(self._weights) > 1000:
            self._weights = defaultdict(
                int, {old: used for old, used in self._weights.items() if old[1] == window}
            )

    def count_connection(self, address: str) -> None:
        """Raises 429 beyond the limit of new WebSockets."""
        now = self._clock()
        if self._sockets[address].count(now) > _CONNECTIONS:
            raise _too_many("Too many connection requests; limit is 300 per 5 MINUTE.", now)

    def count_orders(self, count: int) -> None:
        """Raises -1015 beyond the limit of new orders."""
        now = int(self._clock())
        windows = [
            ((_ORDER_WINDOW, now // _ORDER_WINDOW), self._order_limit, "10 SECOND"),
            ((_DAY, now // _DAY), _ORDERS_A_DAY, "1 DAY"),
        ]
        for key, limit, name in windows:
            if self._orders[key] + count > limit:
                raise ApiError(
                    -1015,
                    f"Too many new orders; current limit is {limit} orders per {name}.",
                    status=429,
                    retry_after_seconds=max(1, (key[1] + 1) * key[0] - now),
                )
        for old in [old for old in self._orders if old not in {key for key, _, _ in windows}]:
            del self._orders[old]
        for key, _, _ in windows:
            self._orders[key] += count

    def documents(self) -> list[dict[str, object]]:
        """As in exchangeInfo."""
        return [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, self._weight_limit),
            _limit("ORDERS", "SECOND", _ORDER_WINDOW, self._order_limit),
            _limit("ORDERS", "DAY", 1, _ORDERS_A_DAY),
            _limit("RAW_REQUESTS", "MINUTE", 5, 61_000),
        ]

    def weight_document(self, address: str) -> dict[str, object]:
        """As in a WebSocket API answer."""
        limit = _limit("REQUEST_WEIGHT", "MINUTE", 1, self._weight_limit)
        return {**limit, "count": self.used_weight(address)}


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _too_many(text: str, now: float) -> ApiError:
    wait = (int(now) // _FIVE_MINUTES + 1) * _FIVE_MINUTES - now
    return ApiError(-1003, text, status=429, retry_after_seconds=max(1, int(wait)))


def _too_much(status: int, until: float, now: float) -> ApiError:
    return ApiError(
        -1003,
        f"Way too much request weight used; IP banned until {int(until * 1000)}. Please use "
        f"WebSocket Streams for live updates to avoid bans.",
        status=status,
        retry_after_seconds=max(1, int(until - now)),
    )
