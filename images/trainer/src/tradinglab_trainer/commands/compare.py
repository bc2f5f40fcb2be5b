"""`tradinglab-trainer compare`: two artifacts side by side and, with bars, judged on the same rows.

Classes are cut at each artifact's own threshold, so the test is on what both forecast alike:
direction and volatility.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from tradinglab.artifact.store import Artifact
from tradinglab.errors import ConfigurationError
from tradinglab_trainer.commands.artifact_arguments import WAYS, add_volume_arguments, open_artifact
from tradinglab_trainer.commands.evaluate import add_bars_arguments
from tradinglab_trainer.commands.table import aligned, figure, instant, minute_of, setting

EXAMPLES = """\
examples:
  tradinglab-trainer compare 20231224t2300 latest --volume lab
      what their trainings measured; on different data, so no test
  tradinglab-trainer compare 20231224t2300 latest --volume lab --bars newer.csv.gz
      both on the same bars, later than both trainings, with Diebold and Mariano's test
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compare",
        help="two artifacts side by side, or on the same bars",
        description="Compares two artifacts: their own metrics, and with --bars a fair test.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("first", metavar="A", help=WAYS)
    parser.add_argument("second", metavar="B", help="likewise")
    add_volume_arguments(parser)
    add_bars_arguments(parser, required=False)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    if given.bars is None and (given.since is not None or given.until is not None):
        raise ConfigurationError("--since and --until need --bars")
    first = open_artifact(given.first, given.volume, given.model)
    second = open_artifact(given.second, given.volume, given.model)
    document: dict[str, Any] = {
        "a": _described(first),
        "b": _described(second),
        "same_specification": _same_specification(first, second),
        "stored_metrics": _side_by_side(first.manifest.metrics, second.manifest.metrics),
    }
    if given.bars is not None:
        from tradinglab_trainer.commands.fair_test import fairly_tested

        tested = fairly_tested(first, second, given.bars, given.since, given.until)
        document["on_bars"] = {**tested.described(), "metrics": _side_by_side(*tested.metrics)}
    if given.json:
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        sys.stdout.write(_told(document) + "\n")
    return 0


def _same_specification(first: Artifact, second: Artifact) -> bool:
    ours, theirs = first.manifest, second.manifest
    return ours.specification_sha256 == theirs.specification_sha256 and (
        ours.exchange, ours.symbol, ours.timeframe
    ) == (theirs.exchange, theirs.symbol, theirs.timeframe)  # fmt: skip


def _described(artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "version": artifact.version,
        "digest": artifact.digest,
        "market": f"{manifest.exchange} {manifest.symbol} {manifest.timeframe}",
        "horizon_bars": manifest.decision.horizon_bars,
        "window_bars": manifest.window_bars,
        "trained_at": manifest.trained_at,
        "data_end": instant(manifest.data.end),
        "bars": manifest.data.bars,
        "verdict": manifest.gate.verdict.value,
        "hyperparameters": dict(manifest.hyperparameters),
    }


def _side_by_side(
    first: Mapping[str, float], second: Mapping[str, float]
) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "a": first.get(name),
            "b": second.get(name),
            "difference": second[name] - first[name] if name in first and name in second else None,
        }
        for name in dict.fromkeys((*first, *second))
    }


def _told(document: Mapping[str, Any]) -> str:
    a, b = document["a"], document["b"]
    rows = [("", "A", "B")]
    rows += [(name.replace("_", " "), str(a[name]), str(b[name])) for name in (
        "version", "market", "horizon_bars", "window_bars", "data_end", "bars", "verdict",
    )]  # fmt: skip
    rows.append(("trained", minute_of(a["trained_at"]), minute_of(b["trained_at"])))
    differing = [
        (name, *(setting(each["hyperparameters"].get(name, "")) for each in (a, b)))
        for name in dict.fromkeys((*a["hyperparameters"], *b["hyperparameters"]))
        if a["hyperparameters"].get(name) != b["hyperparameters"].get(name)
    ]
    same = "yes" if document["same_specification"] else "NO: their figures do not compare"
    parts = [aligned([*rows, *differing]), f"same market, features and labels: {same}"]
    if "on_bars" in document:
        parts += _told_on_bars(document["on_bars"])
    else:
        parts.append("as measured in training, each on its own data, which is no test:")
        parts.append(_metrics_table(document["stored_metrics"]))
    return "\n\n".join(parts)


def _told_on_bars(tested: Mapping[str, Any]) -> list[str]:
    rows = tested["rows"]
    first, last = minute_of(rows["first"]), minute_of(rows["last"])
    where = (
        f"on the same {rows['count']:,} rows of {tested['bars']['file']}, {first} … {last}, "
        f"about {tested['effective_observations']:.0f} independent observations:"
    )
    if rows["in_sample"]:
        where += f"\nNO EVIDENCE: {rows['in_sample']:,} of them lie within a training's data"
    return [where, "\n".join(tested["in_words"]), _metrics_table(tested["metrics"])]


def _metrics_table(metrics: Mapping[str, Mapping[str, float | None]]) -> str:
    """An interval's ends stand beside its middle; the JSON has each by itself."""
    rows = [("metric", "A", "", "B", "", "B − A")]
    for name, each in metrics.items():
        if name.removesuffix("_low").removesuffix("_high") != name:
            continue
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        ends = [
            f"[{_number(low[side])}, {_number(high[side])}]" if low and high else ""
            for side in ("a", "b")
        ]
        rows.append(
            (name, _number(each["a"]), ends[0], _number(each["b"]), ends[1],
             figure(each["difference"], "+.4f"))
        )  # fmt: skip
    return aligned(rows, right=(1, 3, 5), indent="  ")


def _number(value: float | None) -> str:
    """Counts without decimals."""
    return figure(value, ",.0f" if value is not None and value.is_integer() else ".4f")
