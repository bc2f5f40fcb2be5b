"""The lines and alerts a person reads: one per bar, order, fill and trade.

Called by trader, executor and books; every text is made here and nowhere else.
"""

from datetime import UTC, datetime
from decimal import Decimal

from tradinglab.adapters.ledger import LedgerSummary
from tradinglab.domain.bar import Bar
from tradinglab.domain.drift import Drift
from tradinglab.domain.filters import SymbolRules
from tradinglab.domain.forecast import Forecast
from tradinglab.domain.order import (
    CancelIntent,
    EnterIntent,
    ExitIntent,
    Fill,
    Intent,
    Origin,
    ProtectIntent,
    Side,
    StopIntent,
)
from tradinglab.engine.decision import Decision, Reason
from tradinglab.engine.state import ClosedTrade, EngineState

ARROWS = ("▲▲", "▲", "▼", "▼▼")


def instant(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}"


def money(value: Decimal | float) -> str:
    return f"{value:,.2f}"


def price(value: Decimal | float) -> str:
    """Two decimals for large prices, five significant digits for small ones."""
    return f"{value:,.2f}" if value >= 100 else f"{value:.5g}"


def amount(value: Decimal) -> str:
    return f"{value.normalize():f}"


def bar_line(
    bar: Bar,
    bar_milliseconds: int,
    forecast: Forecast | None,
    decision: Decision,
    state: EngineState,
    quote: str,
) -> str:
    """Time of the close, price, the four probabilities, volatility, decision, equity."""
    if forecast is None:
        outlook = "▲▲  –  ▲  –  ▼  –  ▼▼  –   σ   –  "
    else:
        shares = " ".join(
            f"{arrow}{probability:>4.0%}"
            for arrow, probability in zip(ARROWS, forecast.probabilities, strict=True)
        )
        outlook = f"{shares}  σ {forecast.volatility_per_bar:.2%}"
    words = decision.reason.words
    net = decision.numbers.get("net_return")
    urgency = decision.numbers.get("urgency")
    if net is not None:
        words += f" (net {net:+.2%})"
    elif urgency is not None:
        words += f" (urgency {urgency:.2f})"
    equity = money(state.equity(Decimal(repr(bar.close))))
    return (
        f"{instant(bar.open_time + bar_milliseconds)}  {price(bar.close):>10}  {outlook}  "
        f"{words}  equity {equity} {quote}"
    )


def intent_line(intent: Intent, rules: SymbolRules) -> str:
    base = rules.base
    match intent:
        case EnterIntent():
            return (
                f"  → buy {amount(intent.quantity)} {base} at {price(intent.limit_price)} or less, "
                f"stop {price(intent.stop_price)}, "
                f"take-profit {price(intent.take_profit_price)}"
            )
        case ProtectIntent():
            return (
                f"  → protect {amount(intent.quantity)} {base}: stop {price(intent.stop_price)}, "
                f"take-profit {price(intent.take_profit_price)}"
            )
        case StopIntent():
            return f"  → stop for {amount(intent.quantity)} {base} to {price(intent.stop_price)}"
        case ExitIntent():
            limit = intent.limit_price
            where = "the market" if limit is None else f"{price(limit)} or more"
            return f"  → sell {amount(intent.quantity)} {base} at {where}"
        case CancelIntent():
            return f"  → take back the {intent.target.value} order"


def fill_line(fill: Fill, origin: Origin | None, rules: SymbolRules) -> str:
    verb = "bought" if fill.side is Side.BUY else "sold"
    leg = "an order that is not this bot's" if origin is None else origin.leg.words
    return (
        f"  ✓ {verb} {amount(fill.quantity)} {rules.base} at {price(fill.price)} ({leg}) for "
        f"{money(fill.quote_quantity)} {rules.quote}, "
        f"fee {amount(fill.commission)} {fill.commission_asset}"
    )


def trade_line(trade: ClosedTrade, rules: SymbolRules) -> str:
    word = "profit" if trade.profit >= 0 else "loss"
    share = trade.profit / trade.cost_quote
    return (
        f"  ■ trade closed by {trade.exit_leg.words}: {word} {trade.profit:+,.2f} {rules.quote} "
        f"({share:+.2%}), bought at {price(trade.entry_price)}, sold at {price(trade.exit_price)}"
    )


def drift_alert(version: str, drift: Drift, asking: bool) -> str:
    next_move = "a training is asked for" if asking else "consider a training"
    return f"model {version} has drifted: {drift.reason}; {next_move}"


def daily_summary(day: str, summary: LedgerSummary, quote: str) -> str:
    """The alert at the end of each UTC day of the market, in lines that fit a phone."""
    first, last = summary.first_equity or Decimal(0), summary.last_equity or Decimal(0)
    change = f"{last / first - 1:+.2%}" if first else "n/a"
    held = ""
    if summary.first_close and summary.last_close:
        held = f", buy and hold {summary.last_close / summary.first_close - 1:+.2%}"
    trades = "No trade closed"
    if summary.trades:
        trades = (
            f"Trades closed: {summary.trades}, won {summary.trades_won}, "
            f"profit {summary.profit:+,.2f} {quote}"
        )
    reasons = ", ".join(
        f"{count} {Reason(name).words}" for name, count in summary.decisions_by_reason.items()
    )
    return (
        f"{day}: equity {money(last)} {quote} ({change}{held})\n"
        f"{trades}, {summary.fills} fills\n"
        f"Bars {summary.bars_decided}, forecasts {summary.forecasts}: {reasons or 'none decided'}"
    )
