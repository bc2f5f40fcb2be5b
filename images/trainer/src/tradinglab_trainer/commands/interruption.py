"""Ctrl-C and SIGTERM as one exception that names the signal. Called by `train`.

The first one unwinds the run through its `with` and `finally`; a second one ends the process.
An exception that a signal raises inside a finaliser is swallowed by the interpreter, so the run
asks again at each of its steps.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """As KeyboardInterrupt, which no library mistakes for a failure of its own."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_name = signal.Signals(signal_number).name
        self.exit_status = 128 + signal_number


class Interruption:
    """`pending`: the signal that came, if one did."""

    pending: Interrupted | None = None

    def check(self) -> None:
        """Raises Interrupted if a signal came and what it raised was swallowed."""
        if self.pending is not None:
            raise self.pending


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Raises Interrupted within; puts the handlers back."""
    interruption = Interruption()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def interrupt(number: int, _: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        interruption.pending = Interrupted(number)
        raise interruption.pending

    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
