"""Puts the page together: sections in the order in which a careful person asks.

Called by the package's `render`.
"""

import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tradinglab.features.columns import SNAPSHOT_COLUMNS
from tradinglab_trainer.evidence import Evidence, Variant
from tradinglab_trainer.report import (
    attention,
    checks,
    components,
    confusion,
    equity,
    folds,
    forest,
    gains,
    history,
    losses,
    reliability,
    scoreboard,
    verdict,
    volatility,
)
from tradinglab_trainer.report.canvas import Plot
from tradinglab_trainer.report.wording import count, decimal, gain, loss

HERE = Path(__file__).parent
PACKAGES = (
    "tradinglab-trainer", "tradinglab", "keras", "tensorflow", "onnxruntime", "scikit-learn",
    "numpy", "matplotlib",
)  # fmt: skip
SECTIONS: tuple[tuple[str, str, tuple[Callable[[Evidence], Plot], ...]], ...] = (
    ("skill", "Where does the skill lie?", (gains.over_time, confusion.confusion)),
    (
        "probabilities",
        "Are the probabilities honest?",
        (reliability.reliability, reliability.bullish),
    ),
    ("volatility", "Is the volatility foreseen?", (volatility.over_time, volatility.binned)),
    ("money", "Would it have paid?", (equity.equity, equity.outcomes)),
    ("attention", "What does it look at?", (attention.over_time, attention.profile)),
    ("training", "How was it trained?", (folds.time_line, losses.losses)),
    ("components", "What does it see?", (components.spectrum, components.loadings)),
)  # fmt: skip


def assemble(evidence: Evidence) -> str:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    market = evidence.spec.market
    data, bar = evidence.data, market.market.bar_milliseconds
    return environment.get_template("page.html.j2").render(
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 – our own file
        evidence=evidence,
        market=market,
        verdict=verdict.state(evidence),
        headline=verdict.headline(evidence),
        forest=forest.forest(evidence),
        gate=checks.groups(evidence.gate),
        scores=scoreboard.table(evidence.metrics, evidence.seed_metrics),
        seeds=sorted(evidence.seed_metrics),
        sections=[
            (slug, title, [draw(evidence) for draw in plots]) for slug, title, plots in SECTIONS
        ],
        variants=_variants(evidence.variants),
        facts=history.facts(data, bar),
        oddities=history.oddities(data, bar),
        fits=_fits(evidence),
        features=SNAPSHOT_COLUMNS,
        loadings=components.numbers(evidence),
        hyperparameters=evidence.hyperparameters.as_dict(),
        specification=json.dumps(
            evidence.spec.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False
        ),
        versions=[
            ("Python", platform.python_version()),
            *((each, version(each)) for each in PACKAGES),
        ],
    )


def _variants(variants: tuple[Variant, ...]) -> list[tuple[str, ...]]:
    return [
        (each.name, count(each.component_count), loss(each.log_loss), gain(each.direction_gain),
         loss(each.qlike))
        for each in variants
    ]  # fmt: skip


def _fits(evidence: Evidence) -> list[tuple[str, ...]]:
    return [
        (fit.name, str(fit.seed), f"{fit.best_epoch} of {len(fit.history)}",
         decimal(fit.temperature, 3), count(fit.component_count))
        for fit in evidence.fits
    ]  # fmt: skip
