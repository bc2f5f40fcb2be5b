"""Real money: the two opt-ins, the key's permissions, and the confirmation kept in the ledger.

Called by the bot at its start and by `tradinglab-bot confirm-live`. The setting LIVE_ENABLED is one
opt-in; the confirmation, which names the account and the limits, is the other.
"""

import logging
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, ValidationError

from tradinglab.adapters.binance.client import Caller
from tradinglab.adapters.binance.permissions import key_permissions, refuse_dangerous
from tradinglab.adapters.ledger import Ledger
from tradinglab.domain.forecast import ModelFacts, Verdict
from tradinglab.errors import ConfigurationError
from tradinglab.logs import fields
from tradinglab.ports.broker import Account
from tradinglab_bot.limits import HardLimits

log = logging.getLogger(__name__)

CONFIRMATION = "live_confirmation"
HOW = "stop the bot and run: tradinglab-bot confirm-live --account <number> --by <name>"


class Confirmation(BaseModel):
    """What a person agreed to. Other limits or another account need another one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str
    symbol: str
    limits: HardLimits
    confirmed_by: str
    confirmed_at: int


def check_limits(limits: HardLimits) -> None:
    """Raises ConfigurationError unless every hard limit is set."""
    for name in HardLimits.model_fields:
        if getattr(limits, name) <= 0:
            raise ConfigurationError(
                f"TRADINGLAB_LIMIT_{name.upper()} is 0; expected a limit above 0 for live trading"
            )


def confirm(
    ledger: Ledger,
    account: Account,
    named: str,
    symbol: str,
    limits: HardLimits,
    by: str,
    now: Callable[[], int],
) -> Confirmation:
    """Raises ConfigurationError when the account that the keys open is not the one named."""
    check_limits(limits)
    if not account.uid or account.uid != named:
        raise ConfigurationError(
            f"the keys open account {account.uid or 'unknown'}, expected {named}, as was named"
        )
    made = Confirmation(
        account=named, symbol=symbol, limits=limits, confirmed_by=by, confirmed_at=now()
    )
    with ledger.transaction():
        ledger.set_value(CONFIRMATION, made.model_dump_json())
        ledger.add_alert(
            "control", f"live trading of {symbol} on account {named} confirmed by {by}: at most "
            f"{limits.words}"
        )  # fmt: skip
    return made


def confirmed(ledger: Ledger) -> Confirmation | None:
    text = ledger.value(CONFIRMATION)
    if not text:
        return None
    try:
        return Confirmation.model_validate_json(text)
    except ValidationError:
        return None


def refuse_unconfirmed(
    ledger: Ledger, account: Account, model: ModelFacts, limits: HardLimits
) -> None:
    """Raises ConfigurationError that says what is not confirmed, or what changed since."""
    check_limits(limits)
    found = confirmed(ledger)
    if found is None:
        raise ConfigurationError(f"live trading is enabled and not confirmed in the ledger; {HOW}")
    wanted = (account.uid, model.symbol, limits)
    if (found.account, found.symbol, found.limits) != wanted:
        raise ConfigurationError(
            f"confirmed was {found.symbol} on account {found.account}, at most "
            f"{found.limits.words}; found {model.symbol} on account {account.uid}, at most "
            f"{limits.words}; {HOW}"
        )


async def admit(
    ledger: Ledger, caller: Caller, account: Account, model: ModelFacts, limits: HardLimits
) -> None:
    """Everything that must hold before real money is risked. Raises ConfigurationError."""
    refuse_unconfirmed(ledger, account, model, limits)
    permissions = await key_permissions(caller)
    refuse_dangerous(permissions)
    if not permissions.is_ip_restricted:
        log.warning("the exchange key works from any address; restrict it to this one")
    log.warning(
        "live trading",
        extra=fields(
            account=account.uid,
            limits=limits.words,
            model=model.version,
            verdict=model.verdict.value,
            opens_positions=model.verdict is Verdict.TRADEABLE,
        ),
    )
