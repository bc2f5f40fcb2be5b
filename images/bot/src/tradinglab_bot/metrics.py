"""The bot's state as text for Prometheus. Called by the health server at each scrape.

Source of the format: Prometheus documentation, "Exposition formats".
"""

from collections.abc import Iterable, Mapping

from tradinglab_bot.stages import BUCKETS, Histogram

Sample = tuple[str, str, str, float | None]
PREFIX = "tradinglab_bot_"


def exposition(samples: Iterable[Sample], stages: Mapping[str, Histogram]) -> str:
    """`samples`: name, type, help and value; one without a value is left out."""
    lines = []
    for name, kind, text, value in samples:
        if value is None:
            continue
        lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
        lines.append(f"{PREFIX}{name} {value:.10g}")
    lines += _histograms(stages)
    return "\n".join(lines) + "\n"


def _histograms(stages: Mapping[str, Histogram]) -> list[str]:
    name = f"{PREFIX}stage_seconds"
    lines = [f"# HELP {name} Time of each stage of a bar.", f"# TYPE {name} histogram"]
    for stage, histogram in sorted(stages.items()):
        below = 0
        for bound, count in zip((*BUCKETS, "+Inf"), histogram.counts, strict=True):
            below += count
            lines.append(f'{name}_bucket{{stage="{stage}",le="{bound}"}} {below}')
        lines.append(f'{name}_sum{{stage="{stage}"}} {histogram.total_seconds:.6f}')
        lines.append(f'{name}_count{{stage="{stage}"}} {below}')
    return lines
