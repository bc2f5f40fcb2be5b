"""The faults that can be asked for, and what of them is still to come.

Read by the fault switch, which acts on requests, and by the frame faults, which act on streams.
Numbers of requests, orders, bars and events are used up one by one; the others last until they
are set back.
"""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from tradinglab_exchange.instrument import SymbolStatus


class Faults(BaseModel):
    """The body of `POST /_faults`."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # Requests
    only: str = Field(
        "", description="faults of requests strike only those whose `METHOD path` contains this"
    )
    server_errors: int = Field(0, ge=0, description="requests answered with a 5xx")
    server_error_status: int = Field(503, ge=500, le=599, description="the status of those")
    server_error_fraction: float = Field(
        0.0, ge=0, le=1, description="brown-out: this part of all requests is answered with a 5xx"
    )
    too_many_requests: int = Field(0, ge=0, description="requests answered with status 429")
    banned_requests: int = Field(0, ge=0, description="requests answered with status 418")
    retry_after_seconds: int = Field(1, ge=0, description="the Retry-After of 429 and 418")
    slow_requests: int = Field(0, ge=0, description="requests answered late")
    slow_seconds: float = Field(1.0, ge=0, description="how much later those answers come")
    broken_answers: int = Field(0, ge=0, description="answers of status 200 that are no JSON")
    outage_seconds: float = Field(0.0, ge=0, description="connections are cut for so long")
    clock_skew_ms: int = Field(0, description="the server clock is ahead by this much, or behind")

    # Orders
    unanswered_orders: int = Field(0, ge=0, description="orders accepted but not answered in time")
    unaccepted_orders: int = Field(0, ge=0, description="orders lost before they were accepted")
    unanswered_seconds: float = Field(30.0, ge=0, description="how long those answers take")
    refused_orders: int = Field(0, ge=0, description="orders refused by the exchange")
    refusal_code: int = Field(-2010, lt=0, description="the code of those")
    refusal_message: str = Field(
        "Account has insufficient balance for requested action.", description="and its message"
    )
    rejected_legs: int = Field(
        0, ge=0, description="lists whose pending legs are rejected once the entry is filled"
    )
    partial_fill_fraction: Decimal | None = Field(
        None, gt=0, lt=1, description="resting orders fill this part first, the rest a tick later"
    )
    symbol_status: SymbolStatus = Field(
        SymbolStatus.TRADING,
        description="HALT: no trading and no bars; BREAK: delisted, open orders expire as well",
    )
    transfers: dict[str, Decimal] = Field(
        default_factory=dict, description="deposits by asset, withdrawals when negative, made now"
    )

    # Streams
    disconnect: bool = Field(False, description="close every WebSocket now")
    half_open: bool = Field(False, description="sockets stay open, but nothing comes, not a pong")
    silent_bars: int = Field(0, ge=0, description="no kline frames while so many bars pass")
    dropped_bars: int = Field(0, ge=0, description="final kline frames that are never sent")
    missing_bars: int = Field(0, ge=0, description="bars that never were, in REST neither")
    duplicated_bars: int = Field(0, ge=0, description="final kline frames sent twice")
    late_bars: int = Field(0, ge=0, description="final kline frames sent after the next bar's")
    broken_bars: int = Field(0, ge=0, description="final kline frames that end in their middle")
    lost_events: int = Field(0, ge=0, description="account events that are never sent")
