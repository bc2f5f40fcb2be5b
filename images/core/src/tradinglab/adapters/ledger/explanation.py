"""Why a trade was made and how it went, told from the ledger alone. Called by the bot's command."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from tradinglab.adapters.ledger.database import reading
from tradinglab.errors import DataError

LEGS = {"e": "entry", "t": "take-profit", "s": "stop", "x": "exit"}


def explain(ledger: Path, trade: int) -> str:
    """Result, the decision behind the entry, every bar's decision while held, each intent with
    its answer, each fill with its fee. Raises DataError for a trade that does not exist."""
    with reading(ledger) as connection:
        row = connection.execute("SELECT * FROM trades WHERE id = ?", (trade,)).fetchone()
        if row is None:
            last = connection.execute("SELECT max(id) FROM trades").fetchone()[0]
            raise DataError(f"there is no trade {trade} in {ledger}; found 1 to {last or 0}")
        return "\n".join(_lines(connection, row))


def _lines(connection: sqlite3.Connection, trade: sqlite3.Row) -> list[str]:
    span = (trade["opened_bar"], trade["closed_time"])
    summary = (
        f"trade {trade['id']}: {trade['quantity']} bought at {trade['entry_price']}, sold at "
        f"{trade['exit_price']}, closed by {trade['exit_leg']}, profit {trade['profit']} "
        f"(cost {trade['cost_quote']}, proceeds {trade['proceeds_quote']})"
    )
    lines = [summary, "", "decisions:"]
    decisions = connection.execute(
        "SELECT * FROM decisions WHERE bar_open_time BETWEEN ? AND ? ORDER BY bar_open_time", span
    )
    for row in decisions:
        lines.append(f"  {_instant(row['bar_open_time'])}  {row['close']:.8g}  {row['reason']}")
        lines.append(f"      {row['explanation']}")
        lines.append(f"      forecast {_forecast(row['forecast'])}, artifact {row['digest']}")
    lines += ["", "intents and answers:"]
    intents = connection.execute(
        "SELECT * FROM intents WHERE bar_open_time BETWEEN ? AND ? ORDER BY id", span
    )
    for row in intents:
        lines.append(
            f"  {_instant(row['bar_open_time'])}  {row['kind']} {row['body']}: {row['status']} "
            f"({row['answer'] or 'no answer'})"
        )
    lines += ["", "fills:"]
    fills = connection.execute(
        "SELECT f.*, o.leg FROM fills f JOIN orders o USING (client_id) "
        "JOIN intents i ON i.id = o.intent_id WHERE i.bar_open_time BETWEEN ? AND ? "
        "AND f.trade_id <= ? ORDER BY f.trade_id",
        (*span, trade["closing_fill"]),
    )
    for row in fills:
        lines.append(
            f"  {_instant(row['time'])}  {LEGS[row['leg']]}: {row['side']} {row['quantity']} at "
            f"{row['price']}, fee {row['commission']} {row['commission_asset']}"
        )
    return lines


def _forecast(text: str | None) -> str:
    if text is None:
        return "none"
    forecast = json.loads(text)
    shares = " ".join(f"{each:.0%}" for each in forecast["probabilities"])
    return (
        f"{shares} (strong bullish to strong bearish), momentum {forecast['momentum']:+.2f}, "
        f"volatility {forecast['volatility_per_bar']:.3%} a bar"
    )


def _instant(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}"
