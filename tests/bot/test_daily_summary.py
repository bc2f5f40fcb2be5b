"""The daily alert says what happened and, where nothing did, why."""

from pathlib import Path

from tests.ledger.entries import decide, open_ledger

from tradinglab.adapters.ledger import read_summary
from tradinglab_bot.story import daily_summary


def test_a_day_is_told_in_words_beside_buy_and_hold(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction():
        decide(ledger)
        decide(ledger, 1, 30_300.0)
    assert daily_summary("2023-11-14", read_summary(ledger.path), "USDT").splitlines() == [
        "2023-11-14: equity 10,000.00 USDT (+0.00%, buy and hold +1.00%)",
        "No trade closed, 0 fills",
        "Bars 2, forecasts 2: 2 buy",
    ]
