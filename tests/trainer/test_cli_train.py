"""`train` for people: flags, what is refused at once, the bar, Ctrl-C and what a next run finds."""

import io
import json
import logging
import os
import pty
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from rich.console import Console
from tests.market_data import synthetic_bars
from tests.trainer.cli_lab import bars_file, evaluable_artifact, runner

from tradinglab.artifact.store import runs_directory, scan_artifacts
from tradinglab.logs import fields
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_trainer.commands.interruption import Interrupted, interruptible
from tradinglab_trainer.commands.job_name import job_name
from tradinglab_trainer.commands.tensorflow_noise import quiet_import
from tradinglab_trainer.commands.terminal import TerminalDisplay
from tradinglab_trainer.progress import Stage, Step

MANIFEST = """\
apiVersion: tradinglab.dev/v1alpha1
kind: TradingModel
metadata: {{name: tiny}}
spec:
  market: {{symbol: BTC/USDT, history: 130d}}
  training: {{epochs: {epochs}, folds: 1, tuning: {{trials: 1, maxMinutes: 1, maxFilters: 16, \
maxLstmUnits: 16}}}}
"""
SPEC = TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}})
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def run(capsys, monkeypatch):
    for name in [name for name in os.environ if name.startswith("TRADINGLAB_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield runner(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(MANIFEST.format(epochs=2))
    return path


def test_every_setting_that_is_missing_is_named(run):
    status, out, _ = run("train")
    assert status == 2
    for name in ("VOLUME", "MODEL", "SPEC", "JOB"):
        assert f"TRADINGLAB_{name}: Field required (not set)" in out


def test_a_manifest_needs_a_volume(run, manifest):
    status, out, _ = run("train", "--manifest", manifest)
    assert status == 2
    assert "--volume is not given" in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: Pod", "apiVersion is None, expected tradinglab.dev/v1alpha1"),
        (MANIFEST.format(epochs=0), "spec.training.epochs is 0: Input should be greater"),
        (MANIFEST.format(epochs=2).replace("130d", "3d"), "market.history is too short"),
        (MANIFEST.format(epochs=2).replace("symbol", "symbal"), "spec.market.symbol"),
        ("a: [", "is no YAML"),
        ("", "holds 0 documents"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_field(run, tmp_path, monkeypatch, text, told):
    monkeypatch.setenv("TRADINGLAB_TERMINATION_LOG", str(tmp_path / "termination"))
    (tmp_path / "model.yaml").write_text(text)
    status, out, _ = run("train", "--manifest", tmp_path / "model.yaml", "--volume", tmp_path)
    assert status == 2
    assert told in out
    said = json.loads((tmp_path / "termination").read_text())
    assert said["reason"] == "ConfigurationError"
    assert told in said["message"]


def test_bars_that_do_not_exist_are_refused_before_anything_is_imported(run, manifest, tmp_path):
    status, out, _ = run(
        "train", "--manifest", manifest, "--volume", tmp_path, "--bars", tmp_path / "no.csv"
    )
    assert status == 2
    assert "no.csv is no file" in out
    assert not (tmp_path / "default").exists()


def test_a_champion_may_be_named_by_the_begin_of_its_digest(run, manifest, tmp_path):
    volume = tmp_path / "volume"
    evaluable_artifact(volume)
    (volume / "tests" / "btc").rename(volume / "tests" / "tiny")
    (volume / "tests").rename(volume / "default")
    arguments = ("train", "--manifest", manifest, "--volume", volume)
    status, out, _ = run(*arguments, "--champion", "ffff")
    assert status == 2
    assert "there are the versions 2024" in out
    status, out, _ = run(*arguments, "--champion", "latest", "--bars", "nowhere.csv")
    assert "nowhere.csv is no file" in out


def test_a_run_that_did_not_end_keeps_its_name(tmp_path):
    first = job_name(tmp_path, SPEC, None, NOW)
    assert first.startswith("by-hand-")
    assert first.endswith("-20260102t030405")
    progress = tmp_path / "progress"
    progress.mkdir()
    (progress / f"{first}.json").write_text('{"percent": 40}')
    later = NOW.replace(day=3)
    assert job_name(tmp_path, SPEC, None, later) == first
    assert job_name(tmp_path, SPEC, tmp_path / "other.csv", later) != first
    (progress / f"{first}.json").write_text('{"percent": 100}')
    assert job_name(tmp_path, SPEC, None, later).endswith("-20260103t030405")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_unwinds_the_run_once(number, status):
    before = signal.getsignal(number)
    unwound = []
    with pytest.raises(Interrupted) as interrupted, interruptible():
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            unwound.append(signal.getsignal(number))
    assert interrupted.value.exit_status == status
    assert unwound == [signal.SIG_DFL]  # a second one ends the process
    assert signal.getsignal(number) is before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_that_a_finaliser_swallowed_is_raised_at_the_next_step():
    class Finalised:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    with pytest.raises(Interrupted), interruptible() as interruption:
        held = Finalised()
        del held  # the interpreter ignores what is raised in there
        assert interruption.pending is not None
        interruption.check()


def test_what_an_import_writes_is_shown_only_if_it_fails(capfd):
    with quiet_import():
        os.write(2, b"noise of a library\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), quiet_import():
        os.write(2, b"the reason\n")
        raise ImportError("cannot")
    assert capfd.readouterr().err == "the reason\n"


def test_the_bar_shows_stage_percent_end_and_detail_and_lets_lines_pass_above():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, legacy_windows=False)
    handlers = logging.getLogger().handlers[:]
    with TerminalDisplay(console) as display:
        display.show(Step(Stage.FOLDS, 42.4, "fold 1/3 " + "x" * 100, NOW))
        logging.getLogger("x").warning("look here", extra=fields(cause="[red]literal[/red]"))
    assert logging.getLogger().handlers == handlers
    text = screen.getvalue()
    assert "folds" in text
    assert "42%" in text
    assert f"ends ~{NOW.astimezone():%H:%M}" in text
    assert "look here cause=[red]literal[/red]" in text
    assert "fold 1/3 xxx" in text
    assert "…" in text  # a long detail is cut, not wrapped


def trainer(*arguments):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TRADINGLAB_")}
    # an exchange that would answer nothing: it is not asked
    environment = clean | {"TRADINGLAB_EXCHANGE_REST_URL": "http://127.0.0.1:9"}
    return [sys.executable, "-m", "tradinglab_trainer.main", *map(str, arguments)], environment


def on_a_terminal(command, environment, until, seconds=120.0):
    """Types Ctrl-C once `until` shows; exit status and all that was shown."""
    main_side, terminal = pty.openpty()
    process = subprocess.Popen(
        command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True, preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )  # fmt: skip
    os.close(terminal)
    shown, typed, deadline = b"", False, time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if not select.select([main_side], [], [], 1.0)[0]:
                continue
            try:
                shown += os.read(main_side, 65536)
            except OSError:  # the other side is gone
                break
            if until in shown and not typed:
                os.write(main_side, b"\x03")
                typed = True
        return process.wait(10), shown.decode(errors="replace")
    finally:
        os.close(main_side)
        if process.poll() is None:
            process.kill()
            process.wait()


def test_ctrl_c_leaves_nothing_torn_and_the_same_command_then_finishes(tmp_path):
    volume = tmp_path / "volume"
    file = bars_file(tmp_path / "bars.csv.gz", synthetic_bars(3200))
    manifest = tmp_path / "model.yaml"
    manifest.write_text(MANIFEST.format(epochs=2))
    command, environment = trainer(
        "train", "--manifest", manifest, "--volume", volume, "--bars", file
    )

    status, shown = on_a_terminal(command, environment, until=b"folds")
    assert status == 130, shown[-2000:]
    assert "interrupted: no artifact was stored" in shown
    assert "folds" in shown
    assert "oneDNN" not in shown
    runs = runs_directory(volume, "default/tiny")
    assert scan_artifacts(runs) == ([], [])
    assert not list(runs.glob(".*"))
    (told,) = (volume / "default/tiny/progress").glob("*.json")

    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (artifact,), _ = scan_artifacts(runs)
    assert artifact.manifest.job == told.stem
    assert "training stage=folds percent=" in finished.stdout
    assert "\x1b[" not in finished.stdout
    for line in ("verdict ", "gain, direction ", "log-loss, four classes ", str(artifact.path)):
        assert line in finished.stdout
    assert finished.stderr == ""
