"""Intents as JSON and back; the ids of the orders each intent makes. Used by Ledger and bot."""

import json
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum

from tradinglab.domain.order import (
    CancelIntent,
    CancelTarget,
    EnterIntent,
    ExitIntent,
    Intent,
    Leg,
    ProtectIntent,
    StopIntent,
    client_id,
)

KINDS: dict[type[Intent], str] = {
    EnterIntent: "enter",
    ProtectIntent: "protect",
    StopIntent: "stop",
    ExitIntent: "exit",
    CancelIntent: "cancel",
}
LEGS = {
    "enter": (Leg.ENTRY, Leg.TAKE_PROFIT, Leg.STOP),
    "protect": (Leg.TAKE_PROFIT, Leg.STOP),
    "stop": (Leg.STOP,),
    "exit": (Leg.EXIT,),
    "cancel": (),
}
LEVELS = {"enter": EnterIntent, "protect": ProtectIntent, "stop": StopIntent}
LIST_LEG = "l"


class IntentStatus(StrEnum):
    """`WRITTEN` also covers a send whose outcome is unknown: the exchange must be asked."""

    WRITTEN = "written"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_ACCEPTED = "not_accepted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class WrittenIntent:
    """An intent as the ledger holds it; its orders' ids follow from bar and sequence."""

    id: int
    bar_open_time: int
    sequence: int
    intent: Intent
    status: IntentStatus
    written_at: int

    @property
    def kind(self) -> str:
        return KINDS[type(self.intent)]

    @property
    def legs(self) -> tuple[Leg, ...]:
        return LEGS[self.kind]

    def order_id(self, leg: Leg) -> str:
        return client_id(self.bar_open_time, leg, self.sequence)

    @property
    def list_id(self) -> str:
        return client_id(self.bar_open_time, LIST_LEG, self.sequence)

    @property
    def first_order_id(self) -> str:
        """The order whose existence proves that the whole intent was accepted."""
        return self.order_id(self.legs[0])


def encode_intent(intent: Intent) -> str:
    values = {item.name: getattr(intent, item.name) for item in fields(intent)}
    return json.dumps(
        {name: None if value is None else str(value) for name, value in values.items()}
    )


def decode_intent(kind: str, body: str) -> Intent:
    values = json.loads(body)
    if kind == "cancel":
        return CancelIntent(CancelTarget(values["target"]))
    if kind == "exit":
        limit = values["limit_price"]
        return ExitIntent(Decimal(values["quantity"]), None if limit is None else Decimal(limit))
    levels = {name: Decimal(value) for name, value in values.items()}
    made: type[EnterIntent | ProtectIntent | StopIntent] = LEVELS[kind]
    return made(**levels)
