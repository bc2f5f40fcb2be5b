"""How much a JSON body may hold, counted before it is parsed.

Used by decoding. Parsed, a list costs a hundred times its brackets: sixteen megabytes of them would
be gigabytes, whatever the models refuse afterwards.
"""

from dataclasses import dataclass
from typing import Final

from tradinglab_api.documents import LARGEST_BATCH, WIDTH
from tradinglab_api.problems import unprocessable

SMALL_BODY_BYTES: Final = 1 << 16  # harmless whatever it holds
LENIENCY: Final = 4  # so that a history of a wrong length is told which length is right
FEW: Final = 1000
MOST_VALUES: Final = 2_000_000  # sixteen megabytes hold no more in full precision


@dataclass(frozen=True)
class Extent:
    """At most so many lists, objects, fields and values."""

    lists: int
    objects: int
    fields: int
    values: int

    def check(self, body: bytes) -> None:
        """Raises Problem. Brackets within text count too: there is no text in a request."""
        if len(body) <= SMALL_BODY_BYTES:
            return
        for name, sign, most in (
            ("lists", b"[", self.lists),
            ("objects", b"{", self.objects),
            ("fields", b":", self.fields),
            ("values", b",", self.values),
        ):
            found = body.count(sign)
            if found > most:
                expected = f"at most {most} {name}"
                detail = f"the body holds {found} {name}, expected {expected}"
                raise unprocessable("body", f"{found} {name}", expected, detail)


def of_one_history(lookback_bars: int) -> Extent:
    rows = LENIENCY * lookback_bars + FEW
    return Extent(rows, FEW, FEW, rows * (WIDTH + 1))


def of_a_batch(window_bars: int) -> Extent:
    """A full batch of components, or as many raw histories as fit a body."""
    rows = FEW + max(LARGEST_BATCH * (window_bars + 1), MOST_VALUES // WIDTH)
    return Extent(rows, LARGEST_BATCH + FEW, 4 * LARGEST_BATCH + FEW, MOST_VALUES)
