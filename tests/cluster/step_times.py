"""Lines that tell how the end-to-end tests go, each with the time since the start.

Called by those tests and their fixtures.
"""

import time

_started = time.monotonic()


def say(text: str) -> None:
    print(f"e2e {time.monotonic() - _started:5.0f} s  {text}", flush=True)
