"""The rights of the service accounts: as rules grant them, and as docs/security.md lists them.

Called by the tests of the chart, rendered and on a cluster.
"""

import re
from collections.abc import Iterable
from typing import Any

from tests.charts.rendering import ROOT

ROW = re.compile(r"^\| `(?P<account>\w+)` \| (?P<resource>[^|]+) \| (?P<verbs>[^|]+) \|")
Rights = set[tuple[str, str]]


def granted(rules: Iterable[dict[str, Any]]) -> Rights:
    """(resource, verb) of all rules; the resource with its group, and its name where limited."""
    return {
        (f"{resource}{'.' + group if group else ''}{'/' + name if name else ''}", verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
        for verb in rule["verbs"]
    }


def documented(account: str, model: str = "demo") -> Rights:
    found: Rights = set()
    for line in (ROOT / "docs" / "security.md").read_text().splitlines():
        row = ROW.match(line)
        if row and row["account"] == account:
            resource = row["resource"].strip().strip("`").replace("<model>", model)
            found |= {(resource, verb.strip()) for verb in row["verbs"].split(",")}
    return found
