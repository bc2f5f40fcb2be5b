"""What the benchmarks store: one entry a name, and which limits are missed."""

import json

import pytest
from tests.bench.results import entries, record, table


def test_an_entry_replaces_the_one_of_the_same_name(tmp_path):
    path = tmp_path / "build" / "bench.json"
    record("speed", 3.0, "s", "<= 1.5", 60.0, 20.0, path=path)
    record("memory", 700, "MB", path=path)
    record("speed", 1.25, "s", "<= 1.5", 60.0, 48.0, path=path)
    assert json.loads(path.read_text()) == [
        {
            "name": "memory", "value": 700.0, "unit": "MB", "limit": None, "baseline": None,
            "ratio": None,
        },
        {
            "name": "speed", "value": 1.25, "unit": "s", "limit": "<= 1.5", "baseline": 60.0,
            "ratio": 48.0,
        },
    ]  # fmt: skip
    assert [file.name for file in path.parent.iterdir()] == ["bench.json"]


def test_the_table_says_which_limits_hold(tmp_path):
    path = tmp_path / "bench.json"
    for name, value, limit in (("a", 2, "<= 1.5"), ("b", 20, ">= 20"), ("c", 1, None)):
        record(name, value, "x", limit, path=path)
    assert [line.split()[-1] for line in table(path).splitlines()[1:]] == ["MISS", "ok", "x"]


def test_a_limit_without_its_direction_is_refused_and_nothing_is_stored(tmp_path):
    with pytest.raises(ValueError, match=r"limit of a is '1\.5'"):
        record("a", 1, "s", "1.5", path=tmp_path / "bench.json")
    assert entries(tmp_path / "bench.json") == []
