"""Whatever the market does to lists of orders, balances are conserved and one leg fills at most."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.engines import engine, order

from tradinglab.domain.order import Side
from tradinglab.fills.crossing import Ahead
from tradinglab_exchange.errors import ApiError
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.money import ZERO
from tradinglab_exchange.orders import Contingency, OrderList, OrderStatus, OrderType

PRICES = st.integers(5_000, 20_000).map(lambda cents: Decimal(cents) / 100)
QUANTITIES = st.integers(1, 300_000).map(lambda steps: Decimal(steps) / 100_000)
MOVES = st.tuples(PRICES, st.booleans(), st.none() | QUANTITIES, st.tuples(PRICES, PRICES))


def place_oco(at: MatchingEngine, quantity: Decimal, prices: tuple[Decimal, Decimal]) -> None:
    """A sell OCO around the last price, if the account can pay for it."""
    list_id, first = at.book.next_list_id, at.book.next_order_id
    group = OrderList(list_id, f"list-{list_id}", Contingency.OCO, [first, first + 1], at.now)
    size = str(quantity)
    low, high = sorted(prices)
    below = order(
        at, Side.SELL, OrderType.STOP_LOSS, size, stop=str(low), number=first, list_id=list_id
    )
    above = order(
        at, Side.SELL, OrderType.LIMIT_MAKER, size, str(high), number=first + 1, list_id=list_id
    )
    at.submit_oco(group, [below, above])


def place_otoco(at: MatchingEngine, quantity: Decimal, prices: tuple[Decimal, Decimal]) -> None:
    """A buy limit at the middle; when filled a stop below and a profit above it."""
    list_id, first = at.book.next_list_id, at.book.next_order_id
    ids = [first, first + 1, first + 2]
    group = OrderList(list_id, f"list-{list_id}", Contingency.OTO, ids, at.now)
    low, high = sorted(prices)
    size, kept = str(quantity), str(quantity * Decimal("0.99"))
    middle = str(((low + high) / 2).quantize(Decimal("0.01")))
    working = order(at, Side.BUY, OrderType.LIMIT, size, middle, number=first, list_id=list_id)
    below = order(
        at, Side.SELL, OrderType.STOP_LOSS, kept, stop=str(low), number=first + 1, list_id=list_id
    )
    above = order(
        at, Side.SELL, OrderType.LIMIT_MAKER, kept, str(high), number=first + 2, list_id=list_id
    )
    at.submit_oto(group, working, [below, above])


def check_balances(at: MatchingEngine) -> None:
    bought = [t for t in at.book.trades if t.side is Side.BUY]
    sold = [t for t in at.book.trades if t.side is Side.SELL]
    coins = 10 + sum(t.quantity - t.commission for t in bought) - sum(t.quantity for t in sold)
    money = 10_000 + sum(t.quote - t.commission for t in sold) - sum(t.quote for t in bought)
    for asset, owned, side in (("BTC", coins, Side.SELL), ("USDT", money, Side.BUY)):
        held = at.book.account.balance(asset)
        assert held.free >= 0 and held.locked >= 0
        assert held.free + held.locked == owned
        assert held.locked == sum((o.locked for o in at.book.open.values() if o.side is side), ZERO)


def check_legs(at: MatchingEngine) -> None:
    """Of two alternative legs one fills at most; a list that ended by itself filled one."""
    for group in at.book.lists.values():
        members = at.book.members(group)
        legs = members[-2:]
        traded = [leg for leg in legs if leg.executed > 0]
        assert len(traded) <= 1
        if traded:
            assert not [leg for leg in legs if leg is not traded[0] and leg.status.is_open]
        ended = {leg.status for leg in legs}
        if group.done and ended <= {OrderStatus.FILLED, OrderStatus.EXPIRED} and len(members) == 2:
            assert len(traded) == 1


@given(
    steps=st.lists(
        st.tuples(MOVES, st.sampled_from(["oco", "otoco", "cancel"]), QUANTITIES), max_size=25
    ),
    levels=st.lists(st.tuples(PRICES, PRICES), min_size=25, max_size=25),
)
def test_lists_conserve_balances_and_fill_one_leg(
    steps: list[tuple[tuple[Decimal, bool, Decimal | None, tuple[Decimal, Decimal]], str, Decimal]],
    levels: list[tuple[Decimal, Decimal]],
) -> None:
    at = engine()
    for (move, action, quantity), prices in zip(steps, levels, strict=False):
        try:
            if action == "oco":
                place_oco(at, quantity, prices)
            elif action == "otoco":
                place_otoco(at, quantity, prices)
            elif at.book.open:
                at.cancel(next(iter(at.book.open.values())), "cancel")
        except ApiError:
            pass
        target, continuous, available, ahead = move
        at.move(target, at.now + 1, continuous, available, Ahead(min(ahead), max(ahead)))
        check_balances(at)
        check_legs(at)
