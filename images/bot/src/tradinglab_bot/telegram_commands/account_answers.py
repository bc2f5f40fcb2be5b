"""Answers about money: position, balance, profit, days, trades, orders. Called by the listener."""

from decimal import Decimal

from tradinglab.adapters.ledger import read_summary
from tradinglab.adapters.ledger.telegram_queries import (
    PastTrade,
    deepest_drawdown,
    open_orders,
    past_days,
    past_decisions,
    past_trades,
)
from tradinglab.engine.state import EngineState, TradingMode
from tradinglab_bot import story
from tradinglab_bot.telegram_commands.moment import Moment, number_in

STARTING = (
    "The bot is still starting: the account is not known yet. /health says what it waits for."
)
LEGS = {"e": "entry", "t": "take-profit", "s": "stop", "x": "exit"}
ALL_TRADES = 1_000_000


def status(moment: Moment, _: str) -> str:
    state = moment.state
    if state is None:
        return STARTING
    lines = [_headline(moment, state), *_position(moment, state)]
    if state.entry is not None:
        lines.append(
            f"Resting: buy {story.amount(state.entry.quantity)} {moment.base} at "
            f"{story.price(state.entry.limit_price)}"
        )
    last = past_decisions(moment.ledger, 1)
    if last:
        lines.append(
            f"Last bar {story.instant(last[0].bar_open_time)} UTC at {story.price(last[0].close)}: "
            f"{last[0].reason.words}. {last[0].explanation}"
        )
    else:
        lines.append("No bar was decided yet.")
    return "\n".join([*lines, _equity(moment, state), *moment.problems])


def _headline(moment: Moment, state: EngineState) -> str:
    if state.mode is TradingMode.HALTED:
        word = "HALTED until /start"
    elif state.mode is TradingMode.REDUCING:
        word = "selling: drawdown limit reached"
    else:
        word = "entries PAUSED until /start" if state.entries_paused else "running"
    market = f"{moment.model.symbol} {moment.model.timeframe}" if moment.model else "bot"
    return f"{market}: {word}"


def _position(moment: Moment, state: EngineState) -> list[str]:
    held, price = state.position, moment.last_price
    if held is None:
        return ["No position."]
    lines = [
        (
            f"Position {story.amount(held.quantity)} {moment.base}, bought at "
            f"{story.price(held.entry_price)}, bar of {story.instant(held.opened_bar)} UTC"
        )
    ]
    if price is not None:
        gain = price / held.entry_price - 1
        value = held.quantity * (price - held.entry_price)
        lines.append(
            f"Now {story.price(price)}: {value:+,.2f} {moment.quote} ({gain:+.2%}) before fees"
        )
    levels = f"Stop {story.price(held.stop_price)}"
    return [*lines, f"{levels}, take-profit {story.price(held.take_profit_price)}"]


def _equity(moment: Moment, state: EngineState) -> str:
    price = moment.last_price or Decimal(0)
    equity = float(state.equity(price))
    drawdown = 1 - equity / state.peak_equity if state.peak_equity > 0 else 0.0
    return (
        f"Equity {story.money(equity)} {moment.quote}, {max(drawdown, 0):.2%} below its peak "
        f"(halt at {moment.policy.max_drawdown_fraction:.0%})"
    )


def balance(moment: Moment, _: str) -> str:
    state = moment.state
    if state is None:
        return STARTING
    lines = [f"{moment.quote}: {story.money(state.quote)}"]
    price = moment.last_price
    worth = "" if price is None else f" = {story.money(state.base * price)} {moment.quote}"
    lines.append(f"{moment.base}: {story.amount(state.base)}{worth}")
    if state.dust > 0:
        lines.append(f"of it too small to sell: {story.amount(state.dust)} {moment.base}")
    return "\n".join([*lines, _equity(moment, state)])


def profit(moment: Moment, _: str) -> str:
    total = read_summary(moment.ledger)
    if total.first_bar is None or total.first_equity is None or total.last_equity is None:
        return "No bar was decided yet: no profit, no loss."
    lines = [f"Since {story.instant(total.first_bar)[:10]}: {total.bars_decided:,} bars"]
    change = total.last_equity - total.first_equity
    lines.append(
        f"Equity {change:+,.2f} {moment.quote}{_share(change, total.first_equity)}, "
        f"now {story.money(total.last_equity)}"
    )
    if total.first_close and total.last_close:
        lines.append(f"Buy and hold: {total.last_close / total.first_close - 1:+.2%}")
    won = f", {total.trades_won} won" if total.trades else ""
    closed = _closed(total.trades)
    lines.append(f"{closed}{won}: {total.profit:+,.2f} {moment.quote}")
    if not total.trades:
        lines.append("No trade closed yet. /explain says why the last bar led to none.")
    return "\n".join(lines)


def _closed(count: int) -> str:
    return f"{count} closed trade{'' if count == 1 else 's'}"


def _share(part: Decimal, whole: Decimal) -> str:
    return f" ({part / whole:+.2%})" if whole else ""


def daily(moment: Moment, argument: str) -> str:
    days = past_days(moment.ledger, number_in(argument, 7, 60))
    if not days:
        return "No bar was decided yet."
    lines = [f"Day (UTC): equity in {moment.quote}, trades closed"]
    for day in days:
        change = day.last_equity - day.first_equity
        trades = f", {day.trades} for {day.profit:+,.2f}" if day.trades else ", none"
        lines.append(
            f"{story.instant(day.start)[:10]}: {change:+,.2f}{_share(change, day.first_equity)}"
            f"{trades}"
        )
    return "\n".join(lines)


def performance(moment: Moment, _: str) -> str:
    trades = past_trades(moment.ledger, ALL_TRADES)
    fall = f"Deepest drawdown {deepest_drawdown(moment.ledger):.2%}"
    if not trades:
        return f"No trade closed yet.\n{fall}"
    won = [each.profit for each in trades if each.profit > 0]
    lost = [-each.profit for each in trades if each.profit <= 0]
    best, worst = max(trades, key=_gain), min(trades, key=_gain)
    ratio = f"{sum(won) / sum(lost):.2f}" if sum(lost) > 0 else "no losses"
    quote = moment.quote
    return "\n".join(
        [
            f"{_closed(len(trades))}, {len(won)} won ({len(won) / len(trades):.0%})",
            f"Sum {sum(each.profit for each in trades):+,.2f} {quote}, won over lost: {ratio}",
            f"Average win {_mean(won):,.2f}, average loss {_mean(lost):,.2f} {quote}",
            (
                f"Best {best.profit:+,.2f} ({best.profit_fraction:+.2%}), "
                f"worst {worst.profit:+,.2f} ({worst.profit_fraction:+.2%})"
            ),
            fall,
        ]
    )


def _gain(trade: PastTrade) -> Decimal:
    return trade.profit


def _mean(values: list[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values) if values else Decimal(0)


def count(moment: Moment, _: str) -> str:
    if moment.state is None:
        return STARTING
    held, resting = moment.state.position is not None, moment.state.entry is not None
    return f"{int(held)} of 1 position open, {int(resting)} of 1 entry resting"


def trades(moment: Moment, argument: str) -> str:
    found = past_trades(moment.ledger, number_in(argument, 5, 30))
    if not found:
        return "No trade closed yet."
    return "\n".join(_trade(each, moment) for each in found)


def _trade(trade: PastTrade, moment: Moment) -> str:
    return (
        f"#{trade.number} {story.instant(trade.closed_time)} UTC by {trade.exit_leg}: "
        f"{trade.profit:+,.2f} {moment.quote} ({trade.profit_fraction:+.2%})\n"
        f"   {story.amount(trade.quantity)} {moment.base}, {story.price(trade.entry_price)} to "
        f"{story.price(trade.exit_price)}"
    )


def order(moment: Moment, _: str) -> str:
    found = open_orders(moment.ledger)
    if not found:
        return "No open order."
    lines = []
    for each in found:
        level = each.price if each.stop_price is None else each.stop_price
        done = f", {story.amount(each.executed_quantity)} filled" if each.executed_quantity else ""
        waits = ", waits for its entry" if each.waits else ""
        lines.append(
            f"{LEGS.get(each.leg, each.leg)}: {each.side.lower()} {story.amount(each.quantity)} "
            f"{moment.base} at {story.price(level)}{done}{waits}"
        )
    return "\n".join(lines)
