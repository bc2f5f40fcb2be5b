"""The table of faults names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text("utf-8")
# What the operator must withstand; each must be told of in the table.
FAULTS = (
    "killed 500 503 429 410 409 422 commit silent duplicated dropped reordered stale RBAC clock "
    "three days|deleted|evicted|OOMKilled|TTL|volume full|volume missing|read-only|truncated|hash|"
    "symlink|oversized|older|never Ready|annotation|recreated|while training|CRD|clocks go forward"
)


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`(test_\w+)`", TABLE)
    sources = "\n".join(each.read_text("utf-8") for each in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 40
    assert [each for each in named if f"def {each}(" not in sources] == []


def test_every_fault_of_the_list_is_in_the_table() -> None:
    head, *tail = FAULTS.split("|")
    words = [*head.split(" ")[:-2], " ".join(head.split(" ")[-2:]), *tail]
    assert [each for each in words if each.lower() not in TABLE.lower()] == []
