"""What the operator reads from the shared volume, and what it does not fall for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradinglab_operator.volume import Progress, Volume


def told(volume: Path, text: str) -> Progress:
    directory = volume / "lab/btc/progress"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "btc-1.json").write_text(text)
    return Volume(volume).progress("lab/btc", "btc-1")


def test_progress_is_what_the_trainer_told(tmp_path: Path) -> None:
    text = '{"stage": "folds", "percent": 41.5, "detail": "fold 1/3"}'
    assert told(tmp_path, text) == Progress("folds", 41.5, "fold 1/3")


@pytest.mark.parametrize("percent", ["NaN", "Infinity", "1e999", '"half"', "null", "9" * 400])
def test_a_percentage_that_is_no_number_is_no_progress(tmp_path: Path, percent: str) -> None:
    text = f'{{"stage": "folds", "percent": {percent}, "detail": ""}}'
    assert told(tmp_path, text) == Progress()


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 9000])
def test_a_damaged_progress_file_is_no_progress(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == Progress()


def test_what_a_killed_removal_left_is_swept_at_the_first_look(tmp_path: Path) -> None:
    left = tmp_path / "lab/btc/runs/.removing-20240101t0000-000000000000"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"x")
    contents = Volume(tmp_path).contents("lab/btc")
    assert (contents.artifacts, contents.refused, contents.problem) == ((), (), "")
    assert not left.exists()


def test_the_estimated_end_is_read_and_a_wrong_one_spoils_nothing(tmp_path: Path) -> None:
    for text, expected in (
        ('"2024-01-03T14:00:00+00:00"', datetime(2024, 1, 3, 14, tzinfo=UTC)),
        ("null", None),
        ('"soon"', None),
        ("17", None),
    ):
        progress = told(
            tmp_path, f'{{"stage": "tuning", "percent": 5, "detail": "", "estimated_end": {text}}}'
        )
        assert (progress.stage, progress.estimated_end) == ("tuning", expected)
