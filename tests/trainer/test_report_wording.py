"""Numbers in the report are told with sensible digits, and never as not a number."""

import pytest

from tradinglab_trainer.report import wording

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (wording.loss(1.38629), "1.3863"),
        (wording.gain(0.00123), "+0.0012"),
        (wording.gain(-0.00123), "−0.0012"),
        (wording.gain(-0.00001), "0.0000"),
        (wording.percent(0.5123), "51.2\u00a0%"),
        (wording.signed_percent(-0.526), "−52.6\u00a0%"),
        (wording.fine_percent(0.02249), "2.25\u00a0%"),
        (wording.count(21711), "21\u202f711"),
        (wording.scientific(2.4e-7), "2.4\u00a0×\u00a010⁻⁷"),
        (wording.scientific(0.0), "0"),
        (wording.plain(39_512.4), "39\u202f512"),
        (wording.plain(0.12345), "0.1235"),
        (wording.plain(0.0000234), "2.3\u00a0×\u00a010⁻⁵"),
        (wording.span(33 * 3_600_000), "1 d 9 h"),
        (wording.span(0), "0 min"),
        (wording.plural(1, "gap"), "1 gap"),
        (wording.plural(28, "gap"), "28 gaps"),
        (wording.minute(1_518_048_000_000), "2018-02-08 00:00"),
    ],
)
def test_a_value_is_told_as_people_write_it(found, expected):
    assert found == expected


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize(
    "words",
    [wording.loss, wording.gain, wording.percent, wording.count, wording.scientific, wording.plain],
)
def test_what_is_not_finite_is_a_dash(words, value):
    assert words(value) == wording.UNKNOWN
