"""Every metric beside its baseline, its interval and its spread over the seeds.

Called by the page. A metric that has no place here is listed under its own name, never dropped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from tradinglab_trainer.report.wording import (
    FIXED_SPACE,
    count,
    decimal,
    fine_percent,
    gain,
    loss,
    percent,
    plain,
    ratio,
    signed_percent,
)

Words = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """`beside`: baselines by metric; `better`: the sign of model − baseline that is an improvement,
    0 where neither is; `interval`: `_low` and `_high` exist; `half_width`: of a ± interval."""

    metric: str
    title: str
    words: Words
    beside: tuple[tuple[str, str], ...] = ()
    better: int = 0
    interval: bool = False
    half_width: str = ""
    note: str = ""


BASELINES = (
    ("prior", "log_loss_prior"), ("even odds", "log_loss_even"), ("logit", "log_loss_logit"),
)  # fmt: skip
OVER_NOTHING = "nats, over the better of prior and even odds"
GROUPS: dict[str, tuple[Line, ...]] = {
    "Four classes": (
        Line("log_loss", "Log-loss", loss, BASELINES, -1, note="nats, lower is better"),
        Line("gain", "Gain", gain, interval=True, note=OVER_NOTHING),
        Line("gain_over_logit", "Gain over the logit", gain, interval=True, note="nats"),
        Line("accuracy", "Accuracy", percent, note="by chance about a quarter"),
        Line("brier", "Brier score", loss, (("prior", "brier_prior"),), -1,
             note="lower is better"),
        Line("brier_excess", "Brier excess over the prior", gain, interval=True,
             note="below 0 is better"),
    ),
    "Direction: bullish or bearish": (
        Line("direction_log_loss", "Log-loss", loss,
             tuple((title, f"direction_{name}") for title, name in BASELINES), -1,
             note="nats, lower is better"),
        Line("direction_gain", "Gain", gain,
             (("costs need", "direction_gain_needed"), ("detectable", "detectable_gain")),
             interval=True, note=OVER_NOTHING),
        Line("direction_accuracy", "Accuracy", percent,
             half_width="direction_accuracy_half_width", note="a coin: 50 %"),
        Line("top_decile_accuracy", "Accuracy of the surest tenth", percent,
             note="ten times fewer forecasts: a wider interval"),
    ),
    "Calibration": (
        Line("ece", "Expected calibration error", fine_percent,
             (("before temperature", "ece_before"), ("null, 95th percentile", "ece_null")), -1,
             note="15 bins, lower is better"),
    ),
    "Momentum": (
        Line("momentum_mse", "Mean squared error", loss, (("of zero", "momentum_mse_of_zero"),),
             -1, note="of the standardised return within ±4"),
    ),
    "Volatility": (
        Line("qlike", "QLIKE", loss, (("log-HAR", "qlike_har"), ("EWMA", "qlike_ewma")), -1,
             note="lower is better"),
        Line("qlike_excess", "QLIKE excess over EWMA", gain, interval=True,
             note="below 0 is better"),
        Line("qlike_excess_over_har", "QLIKE excess over log-HAR", gain, interval=True,
             note="below 0 is better"),
        Line("volatility_mse", "Mean squared error of the logarithm", loss,
             (("log-HAR", "volatility_mse_har"), ("EWMA", "volatility_mse_ewma")), -1),
    ),
    "Rough strategy after costs": (
        Line("net_sharpe", "Sharpe ratio", ratio, (("buy and hold", "buy_and_hold_sharpe"),), 1,
             half_width="net_sharpe_half_width", note="a year"),
        Line("net_return", "Sum of the trades’ returns", signed_percent,
             (("buy and hold", "buy_and_hold"),), 1),
        Line("trades", "Trades", count),
    ),
    "Sample": (
        Line("rows", "Forecasts out of fold", count),
        Line("effective_observations", "Independent observations", count,
             note="forecasts over the horizon"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """`names`: the metrics that this row shows; `interval` and `spread` are empty where absent."""

    names: str
    title: str
    note: str
    value: str
    interval: str
    beside: tuple[tuple[str, str, str], ...]
    spread: tuple[str, ...]


def table(
    metrics: Mapping[str, float], seeds: Mapping[int, Mapping[str, float]]
) -> list[tuple[str, list[Shown]]]:
    """Groups of rows; what `metrics` lacks is left out, what GROUPS lacks comes last."""
    result, placed = [], set()
    for group, lines in GROUPS.items():
        rows = []
        for line in lines:
            if line.metric in metrics:
                rows.append(_shown(line, metrics, seeds))
                placed.update(rows[-1].names.split())
        result.append((group, rows))
    others = [name for name in metrics if name not in placed]
    result.append(
        ("Other", [_shown(Line(name, name.replace("_", " ").capitalize(), plain), metrics, seeds)
                   for name in others])
    )  # fmt: skip
    return [(group, rows) for group, rows in result if rows]


def _shown(
    line: Line, metrics: Mapping[str, float], seeds: Mapping[int, Mapping[str, float]]
) -> Shown:
    names, interval = [line.metric], ""
    low, high = f"{line.metric}_low", f"{line.metric}_high"
    if line.interval and low in metrics and high in metrics:
        interval = f"{line.words(metrics[low])}{FIXED_SPACE}to {line.words(metrics[high])}"
        names += [low, high]
    elif line.half_width in metrics:
        width = abs(metrics[line.half_width])
        words = percent(width) if line.words is percent else decimal(width, 2)
        interval, names = f"±{FIXED_SPACE}{words}", [*names, line.half_width]
    beside = []
    for title, name in line.beside:
        if name in metrics:
            names.append(name)
            lead = (metrics[line.metric] - metrics[name]) * line.better
            mark = "" if not lead else "better" if lead > 0 else "worse"
            beside.append((title, line.words(metrics[name]), mark))
    found = sorted(each[line.metric] for each in seeds.values() if line.metric in each)
    spread = (found[0], median(found), found[-1]) if len(found) > 1 else ()
    return Shown(
        " ".join(names), line.title, line.note, line.words(metrics[line.metric]), interval,
        tuple(beside), tuple(line.words(value) for value in spread),
    )  # fmt: skip
