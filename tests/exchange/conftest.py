"""A running exchange shared by the tests of a module that do not disturb each other."""

from collections.abc import Iterator

import pytest
from tests.exchange.running import Program, exchange


@pytest.fixture(scope="module")
def still() -> Iterator[Program]:
    """A market that stands still at its first live bar: nobody subscribes to its klines."""
    with exchange() as program:
        yield program
