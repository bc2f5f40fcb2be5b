"""Balances of the one account: free and locked amounts by asset.

Changed by the matching engine alone; shown by the account operation and user events.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tradinglab_exchange.errors import insufficient_balance
from tradinglab_exchange.money import ZERO


@dataclass(slots=True)
class Balance:
    """`free` can be spent; `locked` is held by open orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class Account:
    """Never lets an amount fall below zero; remembers which assets changed."""

    def __init__(self, balances: dict[str, Balance]) -> None:
        self._balances = balances
        self._changed: set[str] = set()
        self.update_time = 0

    def items(self) -> Iterable[tuple[str, Balance]]:
        return self._balances.items()

    def balance(self, asset: str) -> Balance:
        return self._balances.setdefault(asset, Balance())

    def lock(self, asset: str, amount: Decimal) -> None:
        """Raises the exchange's -2010 when less than `amount` is free."""
        balance = self.balance(asset)
        if amount > balance.free:
            raise insufficient_balance()
        balance.free -= amount
        balance.locked += amount
        self._changed.add(asset)

    def release(self, asset: str, amount: Decimal) -> None:
        balance = self.balance(asset)
        balance.locked -= amount
        balance.free += amount
        self._changed.add(asset)

    def spend_locked(self, asset: str, amount: Decimal) -> None:
        self.balance(asset).locked -= amount
        self._changed.add(asset)

    def spend_free(self, asset: str, amount: Decimal) -> None:
        """Raises the exchange's -2010 when less than `amount` is free."""
        self.lock(asset, amount)
        self.spend_locked(asset, amount)

    def receive(self, asset: str, amount: Decimal) -> None:
        self.balance(asset).free += amount
        self._changed.add(asset)

    def take_changed(self) -> list[str]:
        """Assets changed since the last call."""
        changed, self._changed = sorted(self._changed), set()
        return changed
