"""`tradinglab-trainer inspect`: what one artifact is, what it was made from, how it was judged."""

import argparse
import json
import sys

from tradinglab.artifact.manifest import Manifest
from tradinglab.artifact.store import Artifact
from tradinglab_trainer.commands.artifact_arguments import WAYS, add_volume_arguments, open_artifact
from tradinglab_trainer.commands.figures import beside_baselines, gains
from tradinglab_trainer.commands.table import aligned, minute, minute_of, paragraph, setting, size

EXAMPLES = """\
examples:
  tradinglab-trainer inspect lab/default/btc-usdt/runs/20231231t2300-9e6fa8bf4856
  tradinglab-trainer inspect latest --volume lab
  tradinglab-trainer inspect sha256:9e6fa8 --volume lab --model default/btc-usdt --json
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "inspect",
        help="what an artifact is and how it was judged",
        description="Shows one artifact; its files' hashes are verified first.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help=WAYS)
    add_volume_arguments(parser)
    parser.add_argument("--json", action="store_true", help="version, digest and whole manifest")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    artifact = open_artifact(given.artifact, given.volume, given.model)
    if given.json:
        document = {
            "version": artifact.version,
            "digest": artifact.digest,
            "path": str(artifact.path),
            "manifest": artifact.manifest.model_dump(mode="json", by_alias=True),
        }
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        sys.stdout.write(described(artifact) + "\n")
    return 0


def described(artifact: Artifact) -> str:
    manifest = artifact.manifest
    parts = (
        (f"{manifest.model} {artifact.version}", _identity(artifact)),
        ("gate", _checks(manifest)),
        ("out of fold, beside the baselines (smaller is better)",
         beside_baselines(manifest.metrics)),
        ("gains with 95 % intervals", gains(manifest.metrics)),
        ("hyper-parameters", _hyperparameters(manifest)),
        (f"files in {artifact.path}", _files(manifest)),
    )  # fmt: skip
    return "\n\n".join(f"{title}\n{text}" for title, text in parts)


def _identity(artifact: Artifact) -> str:
    manifest = artifact.manifest
    data, gate = manifest.data, manifest.gate
    trained = f"{minute_of(manifest.trained_at)} by {manifest.job}, code {manifest.code_version}"
    window = f"{manifest.window_bars} (needs {manifest.lookback_bars} bars)"
    ahead = f"{manifest.decision.horizon_bars} bars ahead from a window of {window}"
    missing = f"{data.gap_count} gaps with {data.missing_bars} bars missing"
    served = "yes" if gate.servable else "no"
    rows = [
        ("digest", artifact.digest),
        ("trained", f"{trained}, seeds {', '.join(map(str, manifest.seeds))}"),
        ("market", f"{manifest.exchange} {manifest.symbol} {manifest.timeframe}"),
        ("forecasts", f"{ahead}, {manifest.component_count} components of 12 features"),
        ("data", f"{minute(data.start)} … {minute(data.end)}, {data.bars:,} bars, {missing}"),
        ("data hash", data.sha256),
        *paragraph("verdict", f"{gate.verdict.value}: {gate.verdict_reason}"),
        ("servable", f"{served}; against the champion: {gate.comparison.value}"),
    ]
    return aligned(rows, indent="  ")


def _checks(manifest: Manifest) -> str:
    if not manifest.gate.checks:
        return "  no checks"
    rows = [
        ("ok" if check.passed else "FAILED", check.name, f"{check.value:.6g}", check.rule,
         f"{check.limit:.6g}", f"decides {check.decides}")
        for check in manifest.gate.checks
    ]  # fmt: skip
    return aligned(rows, right=(2,), indent="  ")


def _hyperparameters(manifest: Manifest) -> str:
    rows = [(name, setting(value)) for name, value in manifest.hyperparameters.items()]
    return aligned(rows, indent="  ") if rows else "  none recorded"


def _files(manifest: Manifest) -> str:
    rows = [(name, size(entry.size), entry.sha256[:12]) for name, entry in manifest.files.items()]
    return aligned(rows, right=(1,), indent="  ")
