"""A matching engine in memory at a chosen price, and orders for it."""

from decimal import Decimal

from tradinglab.domain.order import Side
from tradinglab.fills.costs import Costs
from tradinglab_exchange.account import Account, Balance
from tradinglab_exchange.book import Book
from tradinglab_exchange.instrument import Instrument
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.orders import (
    Contingency,
    Order,
    OrderList,
    OrderType,
    TimeInForce,
)

START = 1_700_000_000_000


def engine(
    last: str = "100",
    money: str = "10000",
    coins: str = "10",
    fee: str = "0.001",
    half_spread: str = "0",
) -> MatchingEngine:
    book = Book(Account({"BTC": Balance(Decimal(coins)), "USDT": Balance(Decimal(money))}))
    costs = Costs(Decimal(fee), Decimal(fee), Decimal(half_spread))
    return MatchingEngine(Instrument("BTC", "USDT"), book, costs, Decimal(last), START)


def order(
    at: MatchingEngine,
    side: Side,
    kind: OrderType,
    quantity: str = "1",
    price: str = "0",
    stop: str = "0",
    time_in_force: TimeInForce = TimeInForce.GTC,
    number: int | None = None,
    list_id: int = -1,
) -> Order:
    order_id = at.book.next_order_id if number is None else number
    return Order(
        order_id=order_id,
        client_order_id=f"mine-{order_id}",
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        price=Decimal(price),
        stop_price=Decimal(stop),
        time_in_force=time_in_force,
        list_id=list_id,
        time=at.now,
    )


def placed(at: MatchingEngine, side: Side, kind: OrderType, **fields: str) -> Order:
    made = order(at, side, kind, **fields)  # type: ignore[arg-type]
    at.submit(made)
    return made


def entry_with_protection(
    at: MatchingEngine, quantity: str = "1", pending: str = "0.99", working_price: str = "95"
) -> tuple[Order, Order, Order]:
    """A buy limit below the price; once filled a stop at 90 and a take-profit at 110."""
    group = OrderList(1, "group", Contingency.OTO, [1, 2, 3], at.now)
    working = order(at, Side.BUY, OrderType.LIMIT, quantity, working_price, number=1, list_id=1)
    below = order(at, Side.SELL, OrderType.STOP_LOSS, pending, stop="90", number=2, list_id=1)
    above = order(at, Side.SELL, OrderType.LIMIT_MAKER, pending, price="110", number=3, list_id=1)
    at.submit_oto(group, working, [below, above])
    return working, below, above


def walk(at: MatchingEngine, *prices: str) -> None:
    """Trades through all prices between, one after another."""
    for price in prices:
        at.move(Decimal(price), at.now + 1, continuous=True)


def gap(at: MatchingEngine, price: str) -> None:
    at.move(Decimal(price), at.now + 1, continuous=False)


def free(at: MatchingEngine, asset: str) -> Decimal:
    return at.book.account.balance(asset).free


def locked(at: MatchingEngine, asset: str) -> Decimal:
    return at.book.account.balance(asset).locked
