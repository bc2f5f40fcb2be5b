"""Request weight and order limits: 429 first, 418 for who goes on."""

import pytest

from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.rate_limits import RateLimits
from tradinglab_exchange.weights import Weight, depth, my_trades, one_or_all, weight_of


class Clock:
    """Seconds, moved by hand."""

    now = 1_000_000_020.0

    def __call__(self) -> float:
        return self.now


def refused(limits: RateLimits, weight: int = 1) -> ApiError:
    with pytest.raises(ApiError) as raised:
        limits.spend("a", weight)
    return raised.value


def test_weight_beyond_the_limit_is_refused_until_the_next_minute() -> None:
    clock = Clock()
    limits = RateLimits(10, 5, clock)
    limits.spend("a", 10)
    refusal = refused(limits)
    assert (refusal.code, refusal.status) == (-1003, 429)
    assert refusal.retry_after_seconds is not None
    clock.now += refusal.retry_after_seconds
    limits.spend("a", 10)


def test_addresses_are_counted_apart() -> None:
    limits = RateLimits(10, 5, Clock())
    limits.spend("a", 10)
    limits.spend("b", 10)
    assert limits.used_weight("a") == 10


def test_who_ignores_429_is_banned() -> None:
    clock = Clock()
    limits = RateLimits(10, 5, clock)
    statuses = [refused(limits, 11).status for _ in range(60)]
    assert statuses[0] == 429
    assert statuses[-1] == 418
    clock.now += 121
    limits.spend("a", 1)


def test_connections_beyond_the_limit_are_refused() -> None:
    clock = Clock()
    limits = RateLimits(10, 5, clock)
    for _ in range(300):
        limits.count_connection("a")
    with pytest.raises(ApiError) as raised:
        limits.count_connection("a")
    assert (raised.value.code, raised.value.status) == (-1003, 429)
    limits.count_connection("b")
    clock.now += 300
    limits.count_connection("a")


@pytest.mark.parametrize(
    ("weight", "params", "expected"),
    [
        (2, {}, 2),
        (one_or_all(6, 80), {"symbol": "BTCUSDT"}, 6),
        (one_or_all(6, 80), {}, 80),
        (depth, {}, 5),
        (depth, {"limit": "101"}, 25),
        (depth, {"limit": "5000"}, 250),
        (my_trades, {"orderId": "1"}, 5),
        (my_trades, {}, 20),
    ],
)
def test_weight_depends_on_what_is_asked_for(
    weight: Weight, params: dict[str, str], expected: int
) -> None:
    assert weight_of(weight, params) == expected


def test_orders_beyond_the_limit_are_refused() -> None:
    clock = Clock()
    limits = RateLimits(10, 5, clock)
    limits.count_orders(3)
    with pytest.raises(ApiError, match="Too many new orders") as raised:
        limits.count_orders(3)
    assert raised.value.code == -1015
    clock.now += 10
    limits.count_orders(5)
    assert limits.used_orders() == (5, 8)
