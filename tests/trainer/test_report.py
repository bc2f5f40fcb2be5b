"""The report says all that the run found, safely, alone and the same each time."""

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.trainer.evidence import HORIZON, data_range, evidence, scored_forecasts

from tradinglab.artifact.manifest import Comparison
from tradinglab.domain.forecast import Verdict
from tradinglab.evaluation.metrics import log_losses
from tradinglab_trainer.gate import judge
from tradinglab_trainer.report import render
from tradinglab_trainer.scores import gain_over_nothing

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
LARGEST = 1_500_000


class Reader(HTMLParser):
    """Elements and text; an element that is not closed where it was opened is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def named(self, attribute: str) -> set[str]:
        found = [attrs.get(attribute) for _, attrs in self.elements]
        return {name for value in found if value for name in value.split()}


@pytest.fixture(scope="module")
def made():
    return evidence()


@pytest.fixture(scope="module")
def page(made):
    return render(made).decode()


def test_every_element_is_closed_and_every_id_is_its_own(page):
    ids = [attrs["id"] for _, attrs in Reader(page).elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_link_inside_leads_somewhere(page):
    reader = Reader(page)
    targets = [attrs.get("href") or attrs.get("xlink:href") for _, attrs in reader.elements]
    inside = {target[1:] for target in targets if target and target.startswith("#")}
    inside |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert inside
    assert inside <= reader.named("id")


def test_nothing_is_loaded_from_outside_and_nothing_runs(page):
    reader = Reader(page)
    for tag, attrs in reader.elements:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img"}
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert "http" not in page


def test_every_metric_stands_in_the_table_of_scores(made, page):
    assert Reader(page).named("data-metrics") == set(made.metrics)


def test_a_metric_unknown_to_the_report_is_still_shown(made):
    metrics = {**made.metrics, "surprise_index": 0.1234}
    reader = Reader(render(replace(made, metrics=metrics)).decode())
    assert "surprise_index" in reader.named("data-metrics")
    assert "Surprise index 0.1234" in reader.text


def test_every_check_stands_with_value_limit_and_result(made, page):
    reader = Reader(page)
    assert reader.named("data-check") == {check.name for check in made.gate.checks}
    assert reader.text.count("✓ passed") == sum(check.passed for check in made.gate.checks)
    assert reader.text.count("✗ failed") == sum(not check.passed for check in made.gate.checks)
    assert "≥ 100" in reader.text


def test_every_figure_says_in_words_what_it_shows(page):
    reader = Reader(page)
    figures = [attrs for tag, attrs in reader.elements if tag == "svg"]
    assert len(figures) == 15
    for attrs in figures:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"]) > 40
        assert " ".join(attrs["aria-label"].split()) in reader.text


def test_texts_from_outside_are_shown_and_not_obeyed(made):
    hostile = "<script>alert(1)</script>$x^2$"
    fits = tuple(replace(fit, name=hostile + fit.name) for fit in made.fits)
    variants = tuple(replace(each, name=hostile) for each in made.variants)
    gate = made.gate.model_copy(update={"verdict_reason": hostile})
    page = render(
        replace(made, model=hostile, job=hostile, fits=fits, variants=variants, gate=gate)
    ).decode()
    assert "<script" not in page
    assert page.count(escape(hostile)) >= 5
    Reader(page)


def test_the_same_evidence_gives_the_same_bytes(made, page):
    assert render(made).decode() == page


@pytest.mark.parametrize(("rows", "folds", "seeds"), [(22_000, 12, 9), (700, 1, 1)])
def test_long_and_short_runs_fit_into_the_size(rows, folds, seeds):
    found = render(evidence(scored_forecasts(rows), folds=folds, seeds=seeds))
    Reader(found.decode())
    assert len(found) <= LARGEST


def test_no_figure_is_not_a_number_anywhere(page):
    assert not re.search(r"\b(nan|inf|None)\b", Reader(page).text, re.IGNORECASE)


def test_a_run_that_never_traded_says_so():
    forecasts = scored_forecasts()
    calm = replace(forecasts, expected_returns=np.zeros(len(forecasts.rows)))
    text = Reader(render(evidence(calm)).decode()).text
    assert "No forecast exceeded the costs, so there was no trade" in text
    assert "There is nothing to show" in text


def test_one_seed_is_not_shown_as_a_spread():
    text = Reader(render(evidence(seeds=1)).decode()).text
    assert "Trained with one seed (7)" in text
    assert "Seeds: least" not in text


def test_no_gaps_no_variants_and_one_fold_are_told_in_words():
    made = evidence(folds=1, variants=(), data=data_range(gaps=0))
    text = Reader(render(made).decode()).text
    assert "None: every bar of the range is there." in text
    assert "No variants were trained in this run." in text
    assert "1 fold tested from" in text


def test_the_longest_gaps_come_first_and_the_rest_is_folded(page):
    text = Reader(page).text.partition("Bars without volume")[0]
    assert "12 gaps" in text
    assert "4 more" in text
    lengths = re.findall(r"\d\d:00 (\d) \d h", text)
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == 12


@pytest.mark.parametrize(
    ("skill", "verdict", "words"),
    [
        (0.8, Verdict.TRADEABLE, "Skill is shown"),
        (0.15, Verdict.UNPROVEN, "neither shown nor ruled out"),
    ],
)
def test_the_sentence_follows_the_verdict(skill, verdict, words):
    made = evidence(scored_forecasts(6000, skill, seed=2))
    assert made.gate.verdict is verdict
    assert words in Reader(render(made).decode()).text


def test_no_skill_and_not_servable_are_said_plainly(made):
    metrics = {**made.metrics, "direction_gain_needed": 0.6931, "gain_low": -0.01}
    gate = judge(metrics, 0.5, Comparison.WORSE)
    text = Reader(render(replace(made, metrics=metrics, gate=gate)).decode()).text
    assert "NoSkill No skill that pays its costs" in text
    assert "Not servable: 2 checks" in text
    assert "It is worse than the champion" in text


def test_the_strategy_is_not_called_the_engines_backtest(page):
    text = Reader(page).text
    assert "0.25\u00a0% of a round trip" in text.replace(" %", "\u00a0%")
    assert f"held for {HORIZON} bars" in text
    assert "Not the trading engine’s backtest" in text


def test_drawing_leaves_matplotlibs_settings_alone(made):
    import matplotlib

    before = dict(matplotlib.rcParams)
    render(made)
    assert dict(matplotlib.rcParams) == before


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _blend(above, below, alpha):
    parts = [
        round(alpha * int(above[i : i + 2], 16) + (1 - alpha) * int(below[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def test_text_is_legible_on_every_surface_in_light_and_dark(page):
    themes = re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for surface in ("ground", "card", "raised"):
            for text in ("ink", "muted", "blue", "purple", "turquoise", "amber"):
                assert _contrast(colours[text], colours[surface]) >= 4.5, (text, surface)
        fullest = _blend(colours["blue"], colours["card"], 0.6)
        assert _contrast(colours["ink"], fullest) >= 4.5


def test_every_metric_has_a_place_and_words_of_its_own(page):
    assert "Other" not in Reader(page).text


def test_the_summed_gain_ends_where_the_metric_says(made):
    forecasts = made.forecasts
    prior = log_losses(forecasts.prior, forecasts.classes)
    losses = log_losses(forecasts.probabilities, forecasts.classes)
    gained = gain_over_nothing(losses, prior, 4)
    assert gained.mean() == pytest.approx(made.metrics["gain"])


def test_forecasts_that_never_differ_are_drawn_all_the_same():
    forecasts = scored_forecasts(800)
    even = np.full((800, 4), 0.25)
    flat = np.full(800, -5.0)
    dull = replace(
        forecasts, probabilities=even, uncalibrated=even, logit=even, volatility=flat, har=flat,
        ewma=flat, attention=np.full((800, 64), 1 / 64, np.float32),
    )  # fmt: skip
    Reader(render(evidence(dull)).decode())
