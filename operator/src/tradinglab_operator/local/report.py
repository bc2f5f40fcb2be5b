"""What a demo came to: the summary table, the machine-readable last line and the exit status.

Called by the command `demo` when its last bar is decided.
"""

import json
from dataclasses import dataclass
from typing import Any

from tradinglab.adapters.ledger.summary import LedgerSummary
from tradinglab.resource.status import ArtifactStatus, TradingModelStatus
from tradinglab_operator.local.market import MarketSource


@dataclass(frozen=True)
class Report:
    """`seconds` from the start to the last decision."""

    status: TradingModelStatus
    ledger: LedgerSummary | None
    source: MarketSource
    live_bars: int
    seconds: float

    def missing(self) -> list[str]:
        """What a complete demo has and this one has not; empty if it is complete."""
        ledger, missing = self.ledger, []
        if self.status.current is None:
            missing.append("no model was trained, judged and served")
        if ledger is None:
            return [*missing, "there is no ledger"]
        if ledger.bars_decided < self.live_bars:
            missing.append(f"{ledger.bars_decided} of {self.live_bars} bars have a decision")
        if ledger.forecasts < ledger.bars_decided:
            missing.append(f"{ledger.forecasts} of {ledger.bars_decided} bars have a forecast")
        if "" in ledger.decisions_by_reason:
            missing.append("a decision has no reason")
        if self.source is MarketSource.SEEDED:
            if ledger.orders == 0:
                missing.append("no order was placed on a market that has structure to find")
            elif ledger.fills == 0:
                missing.append("no order was filled")
        return missing

    def rows(self) -> list[tuple[str, str]]:
        current, ledger = self.status.current, self.ledger
        rows = [("market", self.source.value), *_model_rows(current)]
        if ledger is not None:
            rows += [
                ("bars decided", f"{ledger.bars_decided} of {self.live_bars}"),
                ("forecasts", str(ledger.forecasts)),
                *(
                    (f"  {reason or '(no reason)'}", str(count))
                    for reason, count in ledger.decisions_by_reason.items()
                ),
                ("orders placed", str(ledger.orders)),
                ("fills", str(ledger.fills)),
                ("trades closed", f"{ledger.trades} ({ledger.trades_won} won)"),
                *_money_rows(ledger),
            ]
        return [*rows, ("time", f"{self.seconds:.0f} s")]

    def table(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)

    def result_line(self) -> str:
        current, ledger = self.status.current, self.ledger
        missing = self.missing()
        document: dict[str, Any] = {
            "result": "incomplete" if missing else "complete",
            "missing": missing,
            "market": self.source.value,
            "seconds": round(self.seconds, 1),
            "version": current.version if current else None,
            "digest": current.digest if current else None,
            "verdict": current.verdict if current else None,
            "verdictReason": current.verdict_reason if current else None,
        }
        if ledger is not None:
            document |= {
                "bars": ledger.bars_decided,
                "forecasts": ledger.forecasts,
                "decisions": ledger.decisions_by_reason,
                "orders": ledger.orders,
                "fills": ledger.fills,
                "trades": ledger.trades,
                "profit": str(ledger.profit),
                "equityStart": _text(ledger.first_equity),
                "equityEnd": _text(ledger.last_equity),
                "buyAndHoldReturn": _market_return(ledger),
            }
        return json.dumps(document)


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)


def _market_return(ledger: LedgerSummary) -> float | None:
    if not ledger.first_close or ledger.last_close is None:
        return None
    return round(ledger.last_close / ledger.first_close - 1, 6)


def _model_rows(current: ArtifactStatus | None) -> list[tuple[str, str]]:
    if current is None:
        return [("model", "none")]
    return [
        ("model", current.version),
        ("verdict", f"{current.verdict}: {current.verdict_reason}"),
        ("digest", current.digest),
    ]


def _money_rows(ledger: LedgerSummary) -> list[tuple[str, str]]:
    if ledger.first_equity is None or ledger.last_equity is None:
        return []
    gain = float(ledger.last_equity / ledger.first_equity) - 1 if ledger.first_equity else 0.0
    rows = [
        ("equity at the start", f"{ledger.first_equity:.2f}"),
        ("equity at the end", f"{ledger.last_equity:.2f} ({gain:+.2%})"),
    ]
    held = _market_return(ledger)
    return rows if held is None else [*rows, ("buy and hold", f"{held:+.2%}")]
