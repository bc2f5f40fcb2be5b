"""The scores of an artifact beside those of the baselines, in lines that a person reads.

Called by the commands that print them. A metric that an older artifact lacks is a dash.
"""

from collections.abc import Mapping

from tradinglab_trainer.commands.table import ABSENT, aligned, figure

Metrics = Mapping[str, float]
_BASELINES = 3
_HEADING = ("", "model", "baselines", *[""] * (_BASELINES - 1))
_CONSTANT_AND_LOGIT = (("prior", "_prior"), ("logit", "_logit"), ("even", "_even"))
_LOSSES = (
    ("log-loss, four classes", "log_loss", _CONSTANT_AND_LOGIT),
    ("log-loss, direction", "direction_log_loss", _CONSTANT_AND_LOGIT),
    ("Brier", "brier", (("prior", "_prior"),)),
    ("momentum MSE", "momentum_mse", (("zero", "_of_zero"),)),
    ("volatility QLIKE", "qlike", (("HAR", "_har"), ("EWMA", "_ewma"))),
    ("volatility MSE", "volatility_mse", (("HAR", "_har"), ("EWMA", "_ewma"))),
    ("calibration error (ECE)", "ece", (("uncalibrated", "_before"), ("by chance", "_null"))),
)
_INTERVALS = (
    ("gain over prior and even, four classes", "gain"),
    ("gain over logit, four classes", "gain_over_logit"),
    ("gain over prior and even, direction", "direction_gain"),
    ("Brier over prior", "brier_excess"),
    ("QLIKE over EWMA", "qlike_excess"),
    ("QLIKE over HAR", "qlike_excess_over_har"),
)


def interval(metrics: Metrics, name: str) -> str:
    """`+0.0123 [+0.0010, +0.0236]`, the ends being those of the 95 % interval."""
    if name not in metrics:
        return ABSENT
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return f"{metrics[name]:+.4f} [{figure(low, '+.4f')}, {figure(high, '+.4f')}]"


def beside_baselines(metrics: Metrics, indent: str = "  ") -> str:
    """Each loss, smaller is better, beside what the baselines lose on the same rows."""
    rows: list[tuple[str, ...]] = [_HEADING]
    for label, name, others in _LOSSES:
        baselines = [
            f"{other} {figure(metrics[name + suffix])}"
            for other, suffix in others
            if name + suffix in metrics
        ]
        rows.append(
            (label, figure(metrics.get(name)), *baselines, *[""] * (_BASELINES - len(baselines)))
        )
    return aligned(rows, right=(1,), indent=indent)


def gains(metrics: Metrics, indent: str = "  ") -> str:
    """The differences with their intervals, and what trading on the forecasts would have made."""
    rows = [(label, interval(metrics, name)) for label, name in _INTERVALS]
    rows.append(("needed by costs, direction", _needed(metrics)))
    rows.append(("accuracy of direction", _accuracy(metrics)))
    rows.append(("net return, rough strategy", _trading(metrics)))
    rows.append(("rows", _rows(metrics)))
    return aligned(rows, indent=indent)


def _needed(metrics: Metrics) -> str:
    detectable = figure(metrics.get("detectable_gain"))
    return f"{figure(metrics.get('direction_gain_needed'))}, detectable {detectable}"


def _accuracy(metrics: Metrics) -> str:
    if "direction_accuracy" not in metrics:
        return ABSENT
    half = figure(metrics.get("direction_accuracy_half_width"), ".1%")
    surest = figure(metrics.get("top_decile_accuracy"), ".1%")
    return f"{metrics['direction_accuracy']:.1%} ± {half}, {surest} of the surest tenth"


def _trading(metrics: Metrics) -> str:
    if "net_return" not in metrics:
        return ABSENT
    return (
        f"{metrics['net_return']:+.1%} in {figure(metrics.get('trades'), '.0f')} trades, Sharpe "
        f"{figure(metrics.get('net_sharpe'), '.2f')} ± "
        f"{figure(metrics.get('net_sharpe_half_width'), '.2f')}; buy and hold "
        f"{figure(metrics.get('buy_and_hold'), '+.1%')}, Sharpe "
        f"{figure(metrics.get('buy_and_hold_sharpe'), '.2f')}"
    )


def _rows(metrics: Metrics) -> str:
    return (
        f"{figure(metrics.get('rows'), ',.0f')}, about "
        f"{figure(metrics.get('effective_observations'), ',.0f')} independent observations"
    )
