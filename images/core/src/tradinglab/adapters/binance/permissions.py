"""What the account's API key may do. Asked by the bot before it trades with real money.

Source: Binance wallet API documentation, `GET /sapi/v1/account/apiRestrictions`.
"""

from dataclasses import dataclass

from tradinglab.adapters.binance.client import Caller
from tradinglab.errors import ConfigurationError, ExchangeUnavailable, OrderRejected

MOVES_MONEY = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """`forbidden` names permissions by which money could leave the account."""

    may_trade: bool
    is_ip_restricted: bool
    forbidden: tuple[str, ...]


async def key_permissions(caller: Caller) -> KeyPermissions:
    """Raises ConfigurationError where they cannot be known: then nothing vouches for the key."""
    try:
        document = await caller("sapiGetAccountApiRestrictions", {})
        return KeyPermissions(
            may_trade=bool(document["enableSpotAndMarginTrading"]),
            is_ip_restricted=bool(document["ipRestrict"]),
            forbidden=tuple(name for name in MOVES_MONEY if document.get(name)),
        )
    except (ExchangeUnavailable, OrderRejected, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"the permissions of the exchange key are unknown ({error}); expected an answer that "
            "says that it cannot withdraw"
        ) from None


def refuse_dangerous(permissions: KeyPermissions) -> None:
    """Raises ConfigurationError for a key that may move money out, or may not trade."""
    if permissions.forbidden:
        raise ConfigurationError(
            f"the exchange key has {', '.join(permissions.forbidden)}; expected a key that can "
            "trade and nothing more: make one without these permissions"
        )
    if not permissions.may_trade:
        raise ConfigurationError(
            "the exchange key has enableSpotAndMarginTrading false; expected a key that may trade"
        )
