"""What the account's one key may do, as the settings say.

Shown by the apiRestrictions operation; the trading permission is enforced by the signatures.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """`created` in UTC milliseconds."""

    trading: bool = True
    withdrawals: bool = False
    ip_restricted: bool = False
    created: int = 1_704_067_200_000
