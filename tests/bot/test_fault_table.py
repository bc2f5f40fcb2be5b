"""`docs/bot-faults.md` says what is tested, no more and no less."""

import re
from pathlib import Path

from tests.integration.fault_matrix import FAULTS, MOMENTS

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "bot-faults.md").read_text()


def test_every_fault_of_the_matrix_has_its_row_and_every_row_its_fault() -> None:
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", TABLE, re.MULTILINE) == list(FAULTS)


def test_the_matrix_is_wide_enough() -> None:
    assert len(FAULTS) >= 25
    assert MOMENTS == ("entry", "exit", "idle")


def test_every_test_that_the_table_names_exists() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", TABLE)
    assert len(named) >= 5
    assert [name for name in named if f"def {name}(" not in sources] == []
