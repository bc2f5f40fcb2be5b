"""What of bars, legs and account events comes to pass or reaches a client while faults are on.

Asked by the exchange before each kline frame, bar and account event, and by the matching engine
before pending legs start.
"""

from tradinglab_exchange.fault_plan import Faults
from tradinglab_exchange.hub import encoded

Frame = dict[str, object] | str


class FrameFaults:
    """`plan` is replaced when other faults are asked for; late frames are kept here."""

    def __init__(self, plan: Faults) -> None:
        self.plan = plan
        self._held: list[Frame] = []

    def klines(self, event: dict[str, object], closed: bool) -> list[Frame]:
        """What is sent in place of one kline frame; text is sent as it is."""
        plan = self.plan
        if plan.silent_bars:
            plan.silent_bars -= closed
            return []
        if not closed:
            return [event]
        if plan.dropped_bars:
            plan.dropped_bars -= 1
            return []
        if plan.late_bars:
            plan.late_bars -= 1
            self._held.append(event)
            return []
        late, self._held = self._held, []
        if plan.duplicated_bars:
            plan.duplicated_bars -= 1
            return [event, event, *late]
        if plan.broken_bars:
            plan.broken_bars -= 1
            text = encoded(event)
            return [text[: len(text) // 2], *late]
        return [event, *late]

    def takes_place(self) -> bool:
        """Whether the next bar is traded at all."""
        if not self.plan.missing_bars:
            return True
        self.plan.missing_bars -= 1
        return False

    def rejects_legs(self) -> bool:
        """Whether the legs that would start now are rejected instead."""
        if not self.plan.rejected_legs:
            return False
        self.plan.rejected_legs -= 1
        return True

    def is_told(self) -> bool:
        """Whether the next account event is sent."""
        if not self.plan.lost_events:
            return True
        self.plan.lost_events -= 1
        return False
