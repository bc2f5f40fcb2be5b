"""What the commands say: of a bot that starts, of an empty ledger, of one with bars and a trade."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.engine.situations import HOUR, NOW, facts, flat, holding
from tests.ledger.entries import decide, fill, open_ledger, report

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.encoding import IntentStatus
from tradinglab.domain.order import Leg, OrderStatus
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import ClosedTrade
from tradinglab_bot.telegram_commands.catalogue import ALIASES, COMMANDS, command_in
from tradinglab_bot.telegram_commands.moment import Moment

GUIDE = (
    "status profit balance daily performance count trades order stopentry stop start forceexit "
    "reload_config show_config logs version help model forecast retrain promote rollback health"
)
ANSWERS = [name for name, each in COMMANDS.items() if each.answer is not None]
TRADE = ClosedTrade(
    opened_bar=NOW,
    closed_time=NOW + 5 * HOUR,
    quantity=Decimal("0.05"),
    entry_price=Decimal(30_000),
    exit_price=Decimal(30_600),
    cost_quote=Decimal(1_500),
    proceeds_quote=Decimal(1_530),
    profit=Decimal(30),
    exit_leg=Leg.TAKE_PROFIT,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path)


def traded(ledger: Ledger) -> None:
    """Two bars, an entry whose stop rests, and a trade."""
    with ledger.transaction():
        intent = decide(ledger)
        decide(ledger, 1, 30_300.0)
        written = ledger.write_intent(NOW, intent)
        entry, stop = written.order_id(Leg.ENTRY), written.order_id(Leg.STOP)
        ledger.record_answer(
            written,
            IntentStatus.ACCEPTED,
            "answered",
            [report(entry, 1, OrderStatus.FILLED), report(stop, 2)],
        )
        ledger.record_fill(fill(7, 1), entry)
        ledger.record_trade(TRADE, 7)


def said(ledger: Ledger, command: str, **changes: object) -> str:
    found = command_in(command)
    assert found is not None
    answer = COMMANDS[found[0]].answer
    assert answer is not None
    values = {
        "state": flat(),
        "base": "BTC",
        "quote": "USDT",
        "model": facts().model,
        "price": 30_300.0,
    }
    moment = Moment(ledger.path, Policy(), NOW, 90_000.0, **(values | changes))  # type: ignore[arg-type]
    return answer(moment, found[1])


def test_every_command_of_the_guide_is_known() -> None:
    assert set(GUIDE.split()) <= set(COMMANDS)
    assert set(ALIASES.values()) <= set(COMMANDS)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_command_answers_while_the_bot_still_starts(ledger: Ledger, name: str) -> None:
    text = said(ledger, f"/{name}", state=None, model=None, price=None)
    assert text.strip()
    assert "None" not in text


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("argument", ["", "3", "abc", "-1", "9" * 400, "²", "%s {0} <b>"])
def test_every_command_answers_in_one_message_whatever_its_argument(
    ledger: Ledger, name: str, argument: str
) -> None:
    traded(ledger)
    text = said(ledger, f"/{name} {argument}", state=holding())
    assert 0 < len(text) <= 4096
    assert "None" not in text


def test_status_says_why_nothing_happened(ledger: Ledger) -> None:
    traded(ledger)
    text = said(ledger, "/status")
    assert text.startswith("BTC/USDT 1h: running\nNo position.")
    assert ": buy. expected +" in text
    assert "Equity 10,000.00 USDT, 0.00% below its peak" in text


def test_status_shows_a_position_with_its_levels_and_gain(ledger: Ledger) -> None:
    text = said(ledger, "/status", state=holding())
    assert "Position 0.05 BTC, bought at 30,000.00" in text
    assert "Now 30,300.00: +15.00 USDT (+1.00%)" in text
    assert "Stop 29,600.00, take-profit 30,800.00" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (flat().halted(), "HALTED until /start"),
        (flat().with_entries(paused=True), "entries PAUSED until /start"),
    ],
)
def test_status_begins_with_what_a_person_has_stopped(
    ledger: Ledger, state: object, words: str
) -> None:
    assert said(ledger, "/status", state=state).startswith(f"BTC/USDT 1h: {words}")


def test_profit_stands_beside_buy_and_hold(ledger: Ledger) -> None:
    traded(ledger)
    text = said(ledger, "/profit")
    assert "Buy and hold: +1.00%" in text
    assert "1 closed trade, 1 won: +30.00 USDT" in text


def test_trades_and_performance_add_up_the_closed_trades(ledger: Ledger) -> None:
    traded(ledger)
    assert said(ledger, "/trades").startswith("#1 ")
    assert "by take-profit: +30.00 USDT (+2.00%)" in said(ledger, "/trades")
    assert "1 closed trade, 1 won (100%)" in said(ledger, "/performance")


def test_orders_show_the_stop(ledger: Ledger) -> None:
    traded(ledger)
    assert "stop: buy 0.05 BTC at 30,000.00" in said(ledger, "/order")


def test_explain_counts_back_and_says_how_far_it_can(ledger: Ledger) -> None:
    traded(ledger)
    assert "close 30,300.00" in said(ledger, "/explain")
    assert "close 30,000.00" in said(ledger, "/explain 2")
    assert said(ledger, "/explain 3") == ("Only 2 bars were decided so far, expected 1 to 2.")


def test_daily_shows_the_change_of_each_day(ledger: Ledger) -> None:
    traded(ledger)
    assert "2023-11-14: +0.00 (+0.00%)" in said(ledger, "/daily")


def test_health_lists_the_problems(ledger: Ledger) -> None:
    text = said(ledger, "/health", problems=("no frame of the stream for 200 s",))
    assert text.startswith("Problem: no frame of the stream for 200 s")
    assert "Running for 1 d 1 h" in text


def test_the_configuration_names_what_was_changed_and_no_secret(ledger: Ledger) -> None:
    text = said(ledger, "/show_config")
    assert "max_drawdown_fraction = 0.15" in text
    assert "key" not in text
    assert "token" not in text


def test_promoting_shows_the_command_and_changes_nothing(ledger: Ledger) -> None:
    text = said(ledger, "/promote sha256:abc", resource="lab/btc-usdt")
    assert "kubectl -n lab patch tradingmodel btc-usdt" in text
    assert '"pinnedDigest":"sha256:abc"' in text


def test_nothing_of_an_odd_digest_gets_into_the_command_that_is_shown(ledger: Ledger) -> None:
    assert "reboot" not in said(ledger, "/promote $(reboot)")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/status", ("status", "")),
        ("/Status@lab_bot  now", ("status", "now")),
        ("/stopbuy", ("stopentry", "")),
        ("status", None),
        ("/", ("", "")),
    ],
)
def test_commands_are_read_as_telegram_writes_them(
    text: str, found: tuple[str, str] | None
) -> None:
    assert command_in(text) == found
