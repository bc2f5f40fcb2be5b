"""`tradinglab-trainer train`: one artifact, for the Job that calls it and for people.

TensorFlow is imported only once every setting is known to be right.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tradinglab.artifact.manifest import REPORT_FILE
from tradinglab.artifact.store import Artifact, remove_unfinished, runs_directory
from tradinglab.config import PREFIX, describe_settings, load_settings
from tradinglab.errors import ConfigurationError, TradinglabError
from tradinglab.logs import configure, fields
from tradinglab.resource.manifest_file import parse_spec, read_manifest
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.commands.artifact_arguments import open_artifact
from tradinglab_trainer.commands.figures import beside_baselines, interval
from tradinglab_trainer.commands.interruption import Interrupted, Interruption, interruptible
from tradinglab_trainer.commands.job_name import job_name
from tradinglab_trainer.commands.settings import Settings
from tradinglab_trainer.commands.table import aligned, paragraph
from tradinglab_trainer.commands.tensorflow_noise import quiet_import
from tradinglab_trainer.progress import Progress, Step, log_step

log = logging.getLogger(__name__)

INTERNAL_ERROR_STATUS = 70
EXAMPLES = """\
examples:
  tradinglab-trainer train --manifest model.yaml --volume lab
      bars from the exchange that the manifest names; the artifact goes to lab/<model>/runs
  tradinglab-trainer train --manifest model.yaml --volume lab --bars bars.csv.gz
      the same from a file with the columns timestamp_ms,open,high,low,close,volume
  tradinglab-trainer train
      as the training Job calls it: everything from the environment

Ctrl-C ends a run without a trace of a half-written artifact; the same command goes on with its
search. Exit status: 0 stored, 2 fix the input, 3 try again later, 1 the fit diverged,
130 or 143 interrupted, 70 a defect.

settings, from the environment; a flag overrides its variable:
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "train",
        help="fetch or read bars, tune, fit, judge and store an artifact",
        description="Trains one artifact and judges it; no skill is an ordinary outcome.",
        epilog=EXAMPLES + describe_settings(Settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--manifest", type=Path, metavar="FILE", help="the TradingModel as YAML")
    parser.add_argument(
        "--bars", type=Path, metavar="FILE", help="CSV or CSV.GZ; then no exchange is contacted"
    )
    parser.add_argument("--volume", type=Path, metavar="DIR", help="where the artifact is kept")
    parser.add_argument("--job", metavar="NAME", help="name of this run; an unfinished one resumes")
    parser.add_argument(
        "--champion",
        metavar="DIGEST",
        help="compare with this artifact's procedure: a digest or its begin, or `latest`",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Raises nothing: a failure is logged, left for the operator and told by the exit status."""
    environment = os.environ
    termination_log: Path | None = None
    if path := environment.get(f"{PREFIX}TERMINATION_LOG"):
        termination_log = Path(path)
    configure()  # until the settings say otherwise
    try:
        settings = load_settings(Settings, _overridden(given, environment))
        configure(settings.log_format, settings.log_level)
        with interruptible() as interruption:
            _train(settings, interruption, for_people=given.manifest is not None)
    except Interrupted as interrupted:
        return interrupted.exit_status
    except TradinglabError as error:
        _fail(error, error.reason, termination_log)
        return error.exit_status
    except Exception as error:
        _fail(error, "InternalError", termination_log)
        log.exception("unexpected")
        return INTERNAL_ERROR_STATUS
    return 0


def _fail(error: Exception, reason: str, termination_log: Path | None) -> None:
    log.error("training failed", extra=fields(reason=reason, cause=str(error)))
    if termination_log is not None:
        document = {"reason": reason, "message": str(error)[:2000]}
        try:
            termination_log.write_text(json.dumps(document))
        except OSError as refused:
            log.warning("reason is not left", extra=fields(file=termination_log, cause=refused))


def _overridden(given: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with what the flags say in its place."""
    settings = dict(environment)
    for name in ("bars", "volume", "job", "champion"):
        if (value := getattr(given, name)) is not None:
            settings[f"{PREFIX}{name.upper()}"] = str(value)
    if given.manifest is None:
        return settings
    named = read_manifest(given.manifest)
    spec, model = named.spec, f"{named.namespace}/{named.name}"
    settings[f"{PREFIX}MODEL"] = model
    settings[f"{PREFIX}SPEC"] = spec.model_dump_json(by_alias=True, exclude_none=True)
    volume = settings.get(f"{PREFIX}VOLUME")
    if not volume:
        raise ConfigurationError("--volume is not given, expected the directory for the artifact")
    if not settings.get(f"{PREFIX}JOB"):
        bars = settings.get(f"{PREFIX}BARS")
        settings[f"{PREFIX}JOB"] = job_name(
            Path(volume) / model, spec, Path(bars) if bars else None, datetime.now(UTC)
        )
    if given.champion is not None:
        settings[f"{PREFIX}CHAMPION"] = open_artifact(given.champion, Path(volume), model).digest
    return settings


def _json(document: str) -> object:
    try:
        return json.loads(document)
    except ValueError as error:
        raise ConfigurationError(f"spec is no JSON: {error}") from None


def _train(settings: Settings, interruption: Interruption, *, for_people: bool) -> None:
    spec = parse_spec(_json(settings.spec))
    if settings.bars is not None and not settings.bars.is_file():
        raise ConfigurationError(f"bars: {settings.bars} is no file, expected a CSV or CSV.GZ")
    log.info("starting", extra=fields(job=settings.job, model=settings.model))
    on_terminal = sys.stdout.isatty() and settings.log_format == "text"
    try:
        artifact = _execute(settings, spec, interruption, on_terminal=on_terminal)
    except Interrupted as interrupted:
        _tell_what_is_kept(settings, interrupted)
        raise
    if on_terminal or (for_people and settings.log_format == "text"):
        sys.stdout.write(_outcome(artifact) + "\n")


def _execute(
    settings: Settings, spec: TradingModelSpec, interruption: Interruption, *, on_terminal: bool
) -> Artifact:
    path = settings.volume / settings.model / "progress" / f"{settings.job}.json"

    def asking(show: Callable[[Step], None]) -> Callable[[Step], None]:
        def shown(step: Step) -> None:
            if step.percent < 100:  # after that the artifact is stored
                interruption.check()
            show(step)

        return shown

    if not on_terminal:
        return _run(settings, spec, Progress(path, asking(log_step)))
    from tradinglab_trainer.commands.terminal import TerminalDisplay

    with TerminalDisplay() as display:
        return _run(settings, spec, Progress(path, asking(display.show)))


def _run(settings: Settings, spec: TradingModelSpec, progress: Progress) -> Artifact:
    with quiet_import():
        from tradinglab_trainer.run import Run, execute

    run = Run(
        volume=settings.volume,
        model=settings.model,
        job=settings.job,
        spec=spec,
        champion=settings.champion,
        exchange_rest_url=settings.exchange_rest_url,
        bars=settings.bars,
    )
    return execute(run, progress)


def _tell_what_is_kept(settings: Settings, interruption: Interrupted) -> None:
    """And clears what would never be loaded: this process was the volume's only writer."""
    runs = runs_directory(settings.volume, settings.model)
    if runs.is_dir():
        remove_unfinished(runs)
    log.warning(
        "interrupted: no artifact was stored; fetched bars and finished trials are kept, "
        "the next run of this job resumes",
        extra=fields(signal=interruption.signal_name, job=settings.job, kept=runs.parent),
    )


def _outcome(artifact: Artifact) -> str:
    """What a person wants to know first."""
    gate, metrics = artifact.manifest.gate, artifact.manifest.metrics
    failed = ", ".join(check.name for check in gate.checks if not check.passed)
    report = artifact.path / REPORT_FILE
    rows = [
        *paragraph("verdict", f"{gate.verdict.value}: {gate.verdict_reason}"),
        ("servable", "yes" if gate.servable else "no"),
        *paragraph("failed checks", failed or "none"),
        ("gain, direction", interval(metrics, "direction_gain")),
        ("gain, four classes", interval(metrics, "gain")),
        ("artifact", str(artifact.path)),
        ("report", str(report) if report.is_file() else "none"),
    ]
    return f"\n{aligned(rows, indent='  ')}\n\n{beside_baselines(metrics)}"
