"""The faults of the matrix: what is injected, what it stands for. Used by its tests and its table.

`docs/bot-faults.md` has a row for each.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """`injected` goes to the exchange's fault switch; the rest happens outside of it. `bars_lost`
    is the most that the market itself may lack."""

    injected: dict[str, object] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    bars_lost: int = 0
    api_fails: bool = False


REFUSED = {"refused_orders": 1}
FAULTS: dict[str, Fault] = {
    "accepted-not-answered": Fault({"unanswered_orders": 1, "unanswered_seconds": 0.5}),
    "lost-before-acceptance": Fault({"unaccepted_orders": 1, "unanswered_seconds": 0.5}),
    "insufficient-balance": Fault(REFUSED),
    "filter-failure": Fault(
        {**REFUSED, "refusal_code": -1013, "refusal_message": "Filter failure: LOT_SIZE"}
    ),
    "stop-rejected": Fault(
        {
            **REFUSED,
            "only": "POST /api/v3/orderList",
            "refusal_message": "The relationship of the prices for the orders is not correct.",
        }
    ),
    "cancel-refused": Fault({"only": "DELETE /api/v3/order", "server_errors": 1}),
    "status-429": Fault({"too_many_requests": 3}),
    "status-418": Fault({"banned_requests": 2}),
    "status-500": Fault({"server_errors": 3, "server_error_status": 500}),
    "status-502": Fault({"server_errors": 3, "server_error_status": 502}),
    "status-503": Fault({"server_errors": 4, "server_error_status": 503}),
    "status-504": Fault({"server_errors": 2, "server_error_status": 504}),
    "brown-out": Fault({"server_error_fraction": 0.3}),
    "answers-that-are-no-json": Fault({"broken_answers": 2}),
    "slow-answers": Fault({"slow_requests": 3, "slow_seconds": 0.7}),
    "outage": Fault({"outage_seconds": 1.5}),
    "clock-ahead-10-s": Fault({"clock_skew_ms": 10_000}),
    "clock-behind-10-s": Fault({"clock_skew_ms": -10_000}),
    "disconnect": Fault({"disconnect": True}),
    "half-open-sockets": Fault({"half_open": True}, {"SILENCE_SECONDS": 0.8}),
    "silent-stream": Fault({"silent_bars": 6}, {"SILENCE_SECONDS": 0.8}),
    "lost-frames": Fault({"dropped_bars": 2}),
    "missing-bar": Fault({"missing_bars": 1}, bars_lost=1),
    "duplicated-frames": Fault({"duplicated_bars": 3}),
    "late-frames": Fault({"late_bars": 2}),
    "broken-frame": Fault({"broken_bars": 1}),
    "lost-account-events": Fault({"lost_events": 5}),
    "partial-fills": Fault({"partial_fill_fraction": "0.4"}),
    "exchange-halt": Fault({"symbol_status": "HALT"}, bars_lost=12),
    "delisting": Fault({"symbol_status": "BREAK"}, bars_lost=12),
    "deposit": Fault({"transfers": {"USDT": "1000"}}),
    "api-outage": Fault(api_fails=True),
    "telegram-outage": Fault(
        settings={
            "TELEGRAM_TOKEN": "1:nobody",
            "TELEGRAM_CHAT": "1",
            "TELEGRAM_URL": "http://127.0.0.1:9",
        }
    ),
}
MOMENTS = ("entry", "exit", "idle")
SAMPLE = (
    ("accepted-not-answered", "entry"),
    ("lost-before-acceptance", "exit"),
    ("clock-ahead-10-s", "idle"),
)
