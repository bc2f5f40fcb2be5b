"""What a run tells while it goes on."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from tradinglab_trainer.progress import ENDS, Pace, Progress, Stage


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def read(path):
    return json.loads(path.read_text())


def test_the_file_holds_what_the_operator_reads(tmp_path, clock):
    path = tmp_path / "progress" / "job.json"
    Progress(path, clock=clock).report(Stage.FOLDS, 0.5, "fold 1/2")
    found = read(path)
    assert found["stage"] == "folds"
    assert found["percent"] == (ENDS[Stage.TUNING] + ENDS[Stage.FOLDS]) / 2
    assert found["detail"] == "fold 1/2"
    assert found["estimated_end"] is None


def test_the_end_is_estimated_from_the_pace_of_the_stage_under_way(tmp_path, clock):
    steps = []
    progress = Progress(tmp_path / "job.json", steps.append, clock)
    progress.report(Stage.TUNING, 0.0, "")
    clock.now = 60.0
    progress.report(Stage.TUNING, 0.5, "")
    percent = steps[-1].percent
    seconds_per_percent = 60.0 / (percent - ENDS[Stage.FEATURES])
    remaining = (steps[-1].estimated_end - datetime.now().astimezone()).total_seconds()
    assert remaining == pytest.approx(seconds_per_percent * (100 - percent), abs=2)
    assert datetime.fromisoformat(read(tmp_path / "job.json")["estimated_end"]).tzinfo


def test_fetching_says_nothing_of_the_end():
    pace = Pace()
    pace.remaining_seconds(Stage.FETCHING, 0.0, 0.0)
    assert pace.remaining_seconds(Stage.FETCHING, 7.0, 50.0) is None


def test_a_resumed_search_counts_from_where_it_was_found():
    pace = Pace()
    begin, end = ENDS[Stage.FEATURES], ENDS[Stage.TUNING]
    pace.remaining_seconds(Stage.TUNING, begin + 0.9 * (end - begin), 0.0)
    found = pace.remaining_seconds(Stage.TUNING, end, 30.0)
    assert found == pytest.approx(30.0 / (0.1 * (end - begin)) * (100 - end))


def test_a_stage_that_has_just_begun_goes_at_the_pace_of_the_one_before():
    pace = Pace()
    pace.remaining_seconds(Stage.TUNING, 10.0, 0.0)
    pace.remaining_seconds(Stage.TUNING, 40.0, 60.0)
    assert pace.remaining_seconds(Stage.FOLDS, 40.5, 61.0) == pytest.approx(2 * 59.5)


def test_nothing_remains_at_the_end():
    assert Pace().remaining_seconds(Stage.STORING, 100.0, 5.0) == 0.0


def test_steps_in_quick_succession_are_told_once(tmp_path, clock):
    steps = []
    progress = Progress(tmp_path / "job.json", steps.append, clock)
    for i in range(10):
        clock.now = i * 0.05
        progress.report(Stage.TUNING, i / 100, "")
    assert len(steps) == 1


def test_a_log_line_tells_stage_percent_and_detail(tmp_path, clock, caplog):
    with caplog.at_level("INFO"):
        Progress(tmp_path / "job.json", clock=clock).report(Stage.REFIT, 1.0, "refit epoch 3/3")
    (record,) = caplog.records
    assert record.getMessage() == "training"
    assert record.fields == {
        "stage": "refit", "percent": ENDS[Stage.REFIT], "detail": "refit epoch 3/3"
    }  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_does_not_end_the_training(tmp_path, clock, caplog):
    (tmp_path / "job.tmp").symlink_to("/dev/full")
    Progress(tmp_path / "job.json", lambda _: None, clock).report(Stage.TUNING, 0.0, "")
    assert "progress is not shown" in caplog.text
