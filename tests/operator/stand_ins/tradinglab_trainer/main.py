"""Stands in for the trainer: does at once what the test has put into the volume's `orders` file.

Started by the local adapter under the trainer's module name.
"""

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from tests.operator.artifacts import store_artifact

from tradinglab.artifact.manifest import Comparison


def setting(name: str) -> str:
    return os.environ[f"TRADINGLAB_{name}"]


def main() -> int:
    orders = Path(setting("VOLUME")) / "orders.json"
    while not orders.exists():
        time.sleep(0.02)
    order = json.loads(orders.read_text())
    orders.unlink()
    if "reason" in order:
        Path(setting("TERMINATION_LOG")).write_text(json.dumps(order))
        return 1
    store_artifact(
        Path(setting("VOLUME")),
        setting("MODEL"),
        setting("JOB"),
        datetime.fromisoformat(order["trained_at"]),
        Comparison(order["comparison"]),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
