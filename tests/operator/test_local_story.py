"""What a person reads of the embedded default."""

import io
import json
import logging

from tradinglab.logs import fields
from tradinglab_operator.local.story import Story, StoryHandler

DIGEST = "sha256:" + "0123456789abcdef" * 4


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def log_line(message: str, level: str = "INFO", **pairs: object) -> str:
    time = "2024-01-03T12:34:56.789+00:00"
    return json.dumps({"time": time, "level": level, "logger": "x", "message": message, **pairs})


def test_a_childs_log_line_becomes_a_readable_one() -> None:
    stream = io.StringIO()
    assert Story(stream).child_line("api", log_line("serving", digest=DIGEST)) == ""
    assert stream.getvalue() == "12:34:56 api      serving digest=sha256:0123456789ab…\n"


def test_warnings_are_marked_and_errors_remembered() -> None:
    stream = io.StringIO()
    story = Story(stream)
    story.child_line("bot", log_line("stream closed", "WARNING"))
    assert "WARNING stream closed" in stream.getvalue()
    assert story.child_line("bot", log_line("halted", "ERROR", why="doubt")) == "halted why=doubt"


def test_what_is_no_log_line_is_kept_but_not_shown() -> None:
    stream = io.StringIO()
    assert Story(stream).child_line("trainer", "I0000 chatter\n") == "I0000 chatter"
    assert stream.getvalue() == ""


def test_progress_is_told_in_steps_when_nobody_watches() -> None:
    stream = io.StringIO()
    story = Story(stream)
    for percent in range(101):
        story.progress("folds", percent, f"epoch {percent}")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[-1].endswith("100 % folds: epoch 100")


def test_progress_is_one_line_redrawn_on_a_terminal() -> None:
    stream = Terminal()
    story = Story(stream)
    story.progress("folds", 40, "epoch 4/6")
    story.line("operator", "training runs")
    story.end_progress()
    shown = stream.getvalue()
    assert "\n" in shown
    assert shown.count("\n") == 1, "only the log line ends a line"
    assert shown.index("epoch 4/6") < shown.index("training runs") < shown.rindex("epoch 4/6")


def test_a_pipe_that_nobody_reads_stops_nothing() -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    story = Story(Broken())
    story.line("bot", "still here")
    story.progress("folds", 50, "epoch 1")
    story.end_progress()


def test_the_operators_own_log_is_told_alike() -> None:
    stream = io.StringIO()
    record = logging.makeLogRecord(
        {"msg": "rolled out", "levelno": 20, "levelname": "INFO", **fields(model="a/b")}
    )
    StoryHandler(Story(stream)).emit(record)
    assert stream.getvalue().endswith(" operator rolled out model=a/b\n")
