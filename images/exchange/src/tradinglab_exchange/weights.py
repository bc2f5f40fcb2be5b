"""How much of the request limit an operation uses, where its parameters decide.

Read by the table of operations. Source: Binance spot API documentation, "Weight" of each endpoint.
"""

from collections.abc import Callable

from tradinglab_exchange.parameters import Params

Weight = int | Callable[[Params], int]
_DEPTHS = ((100, 5), (500, 25), (1000, 50))
_DEEPEST = 250


def weight_of(weight: Weight, params: Params) -> int:
    return weight if isinstance(weight, int) else weight(params)


def one_or_all(one: int, every: int) -> Weight:
    """Less for a request that names a symbol."""
    return lambda params: one if params.get("symbol") else every


def depth(params: Params) -> int:
    limit = params.get("limit") or "100"
    wanted = int(limit) if limit.isdecimal() else 0
    return next((weight for levels, weight in _DEPTHS if wanted <= levels), _DEEPEST)


def my_trades(params: Params) -> int:
    return 5 if params.get("orderId") else 20
