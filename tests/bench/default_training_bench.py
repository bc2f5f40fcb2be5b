"""A whole training with the default budget on five years of hourly bars: time and memory; then
what its artifact does in the year after, which it never saw.

    python -m tests.bench.default_training_bench --bars bars.csv.gz
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.results import record
from tests.market_data import HOURLY

MANIFEST = """\
apiVersion: tradinglab.dev/v1alpha1
kind: TradingModel
metadata: {name: bench}
spec: {market: {symbol: BTC/USDT, timeframe: 1h, history: 5y}}
"""
YEAR_MILLISECONDS = 365 * 86_400_000
SHOWN = (
    "direction_gain", "direction_gain_low", "direction_gain_high", "direction_accuracy",
    "log_loss", "log_loss_prior", "log_loss_even", "log_loss_logit", "brier", "brier_prior",
    "ece", "ece_null", "qlike", "qlike_har", "qlike_ewma", "net_return", "buy_and_hold",
)  # fmt: skip


def without_last_year(bars: Path, target: Path) -> int:
    """Writes all but the last 365 days; the open time (ms) from which they were left out."""
    lines = gzip.decompress(bars.read_bytes()).decode().splitlines()
    cut = int(lines[-1].split(",")[0]) - YEAR_MILLISECONDS
    kept = [line for line in lines[1:] if int(line.split(",")[0]) <= cut]
    target.write_text("\n".join((lines[0], *kept)) + "\n")
    return cut


def trainer(*arguments: object) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TRADINGLAB_")}
    command = [sys.executable, "-m", "tradinglab_trainer.main", *map(str, arguments)]
    done = subprocess.run(command, env=clean, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=Path, default=HOURLY)
    bars = parser.parse_args(arguments).bars
    if not bars.exists():
        print(f"default training: left out, {bars} is absent")
        return
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "model.yaml").write_text(MANIFEST)
        cut = without_last_year(bars, home / "bars.csv")
        began = time.monotonic()
        told = trainer(
            "train", "--manifest", home / "model.yaml", "--volume", home / "lab",
            "--bars", home / "bars.csv",
        )  # fmt: skip
        minutes = (time.monotonic() - began) / 60
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
        print("\n".join(told.splitlines()[-12:]))
        record("training: default budget, 5 years of 1 h", minutes, "min", "<= 20")
        record("training: peak resident memory", megabytes, "MB", "<= 1100")
        answer = json.loads(trainer("evaluate", "latest", "--volume", home / "lab", "--bars", bars))
    metrics = answer.get("metrics", answer)
    print(f"\nthe year after {datetime.fromtimestamp(cut / 1000, UTC):%Y-%m-%d}, never seen:")
    for name in SHOWN:
        print(f"  {name:22} {metrics[name]:+.4f}")


if __name__ == "__main__":
    main()
