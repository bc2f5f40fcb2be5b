"""Which space rows are in: told, or plain from their width."""

import json

import numpy as np
import pytest
from tests.engine.situations import facts

from tradinglab_api.decoding import ComponentWindows, Decoder, RawWindows
from tradinglab_api.problems import Problem

WINDOW, LOOKBACK, HOUR = 4, 30, 3_600_000


def decoder(component_count):
    shape = {"window_bars": WINDOW, "lookback_bars": LOOKBACK, "component_count": component_count}
    return Decoder(facts().model.model_copy(update=shape))


def body(rows, width, **more):
    return json.dumps({"bar_open_time": HOUR, "snapshots": np.ones((rows, width)).tolist()} | more)


def test_the_width_tells_where_it_can():
    assert isinstance(decoder(5).one(body(LOOKBACK, 12).encode()), RawWindows)
    components = body(WINDOW, 5, log_volatility_baseline=-5.0).encode()
    assert isinstance(decoder(5).one(components), ComponentWindows)


def test_twelve_components_must_be_told_from_twelve_raw_values():
    with pytest.raises(Problem) as refused:
        decoder(12).one(body(LOOKBACK, 12).encode())
    assert refused.value.field == "space"
    assert isinstance(decoder(12).one(body(LOOKBACK, 12, space="raw").encode()), RawWindows)
    told = body(WINDOW, 12, space="components", log_volatility_baseline=-5.0).encode()
    assert isinstance(decoder(12).one(told), ComponentWindows)


@pytest.mark.parametrize(
    ("document", "field", "expected"),
    [
        ({"inputs": [{"bar_open_time": 1.5}]}, "inputs[0].bar_open_time", "a valid integer"),
        ({"inputs": [{"bar_open_time": 0, "snapshots": [7]}]}, "inputs[0].snapshots[0]", "array"),
        ({"inputs": [3]}, "inputs[0]", "an object"),
        (
            {"inputs": [{"bar_open_time": 0, "snapshots": [["x"]]}]},
            "inputs[0].snapshots[0][0] (open)",
            "a finite number",
        ),
        ({"inputs": [{"bar_open_time": 0, "snapshots": [[1] * 13]}]}, "inputs[0].snapshots[0]", ""),
    ],
)
def test_what_is_wrong_is_named_with_what_is_expected(document, field, expected):
    with pytest.raises(Problem) as refused:
        decoder(5).many(json.dumps(document).encode())
    assert refused.value.field == field
    assert expected in refused.value.expected


@pytest.mark.parametrize("sign", ["[", "{", ":", ","])
def test_a_body_that_holds_too_much_is_not_parsed(sign):
    with pytest.raises(Problem, match="expected at most") as refused:
        decoder(5).one(sign.encode() * 100_000)
    assert refused.value.field == "body"
