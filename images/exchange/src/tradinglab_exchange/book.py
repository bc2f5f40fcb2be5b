"""Everything the account owns: balances, orders, lists and trades, and what changed of them.

The matching engine changes it; operations read it; the store saves what `take_changes` returns.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from tradinglab_exchange.account import Account
from tradinglab_exchange.orders import NO_LIST, Order, OrderList, Trade


@dataclass(slots=True)
class Changes:
    """What one operation or price move altered."""

    orders: list[Order] = field(default_factory=list)
    lists: list[OrderList] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.orders or self.lists or self.trades or self.assets)


class Book:
    """Orders by id, in the order of their placing; the open ones also apart."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.orders: dict[int, Order] = {}
        self.open: dict[int, Order] = {}
        self.lists: dict[int, OrderList] = {}
        self.trades: list[Trade] = []
        self._order_id_of_client: dict[str, int] = {}
        self._trades_of_order: defaultdict[int, list[Trade]] = defaultdict(list)
        self._changed_orders: dict[int, Order] = {}
        self._changed_lists: dict[int, OrderList] = {}
        self._saved_trades = 0

    @property
    def next_order_id(self) -> int:
        return len(self.orders) + 1

    @property
    def next_list_id(self) -> int:
        return len(self.lists) + 1

    @property
    def next_trade_id(self) -> int:
        return len(self.trades) + 1

    def load(self, orders: list[Order], lists: list[OrderList], trades: list[Trade]) -> None:
        """Takes over stored contents; nothing counts as changed."""
        for order in orders:
            self.touch(order)
        self.lists = {group.list_id: group for group in lists}
        for trade in trades:
            self.add_trade(trade)
        self.take_changes()

    def touch(self, order: Order) -> None:
        """To be called after each change of `order`."""
        self.orders[order.order_id] = order
        self._order_id_of_client[order.client_order_id] = order.order_id
        self._changed_orders[order.order_id] = order
        if order.status.is_open:
            self.open[order.order_id] = order
        else:
            self.open.pop(order.order_id, None)

    def add_trade(self, trade: Trade) -> None:
        self.trades.append(trade)
        self._trades_of_order[trade.order_id].append(trade)

    def touch_list(self, group: OrderList) -> None:
        self.lists[group.list_id] = group
        self._changed_lists[group.list_id] = group

    def siblings(self, order: Order) -> list[Order]:
        """The other orders of its list."""
        if order.list_id == NO_LIST:
            return []
        ids = self.lists[order.list_id].order_ids
        return [self.orders[other] for other in ids if other != order.order_id]

    def members(self, group: OrderList) -> list[Order]:
        return [self.orders[order_id] for order_id in group.order_ids]

    def open_by_client_id(self, client_order_id: str) -> Order | None:
        order = self.latest_by_client_id(client_order_id)
        return order if order is not None and order.status.is_open else None

    def latest_by_client_id(self, client_order_id: str) -> Order | None:
        """An id may be used again once its order is done; the newest counts."""
        order_id = self._order_id_of_client.get(client_order_id)
        return None if order_id is None else self.orders[order_id]

    def trades_of(self, order: Order) -> list[Trade]:
        return self._trades_of_order.get(order.order_id, [])

    def take_changes(self) -> Changes:
        changes = Changes(
            list(self._changed_orders.values()),
            list(self._changed_lists.values()),
            self.trades[self._saved_trades :],
            self.account.take_changed(),
        )
        self._changed_orders, self._changed_lists = {}, {}
        self._saved_trades = len(self.trades)
        return changes
