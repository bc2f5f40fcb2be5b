"""Decides whether new orders may go to the matching engine: ids, filters and counts.

Called by the trading operations before anything is placed.
"""

from collections.abc import Callable

from tradinglab_exchange.book import Book
from tradinglab_exchange.errors import market_closed, order_rejected
from tradinglab_exchange.filters import check_counts, check_order
from tradinglab_exchange.instrument import Instrument, SymbolStatus
from tradinglab_exchange.matching import MatchingEngine
from tradinglab_exchange.orders import Order


class Admission:
    """`count` enforces the limit on new orders."""

    def __init__(
        self,
        instrument: Instrument,
        book: Book,
        engine: MatchingEngine,
        count: Callable[[int], None],
    ) -> None:
        self._instrument, self._book, self._engine = instrument, book, engine
        self.count = count

    def check(self, orders: list[Order]) -> None:
        """Raises ApiError: -1013 for a closed market or a filter, -2010 for an id in use."""
        if self._engine.status is not SymbolStatus.TRADING:
            raise market_closed()
        names = [order.client_order_id for order in orders]
        if len(set(names)) < len(names) or any(map(self._book.open_by_client_id, names)):
            raise order_rejected("Duplicate order sent.")
        for order in orders:
            check_order(order, self._instrument, self._engine.last)
        check_counts(orders, self._book, self._instrument)
