"""Every position ends under a stop, however it came to lack one."""

from decimal import Decimal

from tests.engine.situations import flat, holding, resting, rules

from tradinglab.domain.filters import QuantityRange
from tradinglab.domain.order import CancelIntent, CancelTarget, ExitIntent, ProtectIntent
from tradinglab.engine.protection import missing_protection

PRICE = Decimal(30_000)
STOP, TAKE_PROFIT = Decimal(29_600), Decimal(30_800)
LIFT = CancelIntent(CancelTarget.PROTECTION)


def test_a_position_without_a_stop_gets_one() -> None:
    intents = missing_protection(holding(), Decimal(0), False, PRICE, rules())
    assert intents == (ProtectIntent(Decimal("0.05"), STOP, TAKE_PROFIT),)


def test_a_position_under_its_stop_is_left_alone() -> None:
    assert missing_protection(holding(), Decimal("0.05"), False, PRICE, rules()) == ()


def test_a_remainder_too_small_to_sell_needs_no_stop_of_its_own() -> None:
    assert missing_protection(holding(), Decimal("0.04990"), False, PRICE, rules()) == ()


def test_a_partly_filled_entry_is_taken_back_and_what_it_bought_is_protected() -> None:
    intents = missing_protection(holding("0.02"), Decimal(0), True, PRICE, rules())
    assert intents == (
        CancelIntent(CancelTarget.ENTRY),
        ProtectIntent(Decimal("0.02"), STOP, TAKE_PROFIT),
    )


def test_an_entry_that_rests_and_is_not_remembered_is_taken_back() -> None:
    forgotten = missing_protection(flat(), Decimal(0), True, PRICE, rules())
    assert forgotten == (CancelIntent(CancelTarget.ENTRY),)
    assert missing_protection(flat(entry=resting()), Decimal(0), True, PRICE, rules()) == ()


def test_a_stop_that_covers_too_little_is_replaced() -> None:
    intents = missing_protection(holding(), Decimal("0.02"), False, PRICE, rules())
    assert intents == (LIFT, ProtectIntent(Decimal("0.05"), STOP, TAKE_PROFIT))


def test_a_stop_without_a_position_is_taken_back() -> None:
    assert missing_protection(flat(), Decimal("0.02"), False, PRICE, rules()) == (LIFT,)


def test_a_position_whose_stop_price_has_passed_is_sold_not_left_to_a_refused_order() -> None:
    intents = missing_protection(holding(), Decimal(0), False, Decimal(29_500), rules())
    assert intents == (ExitIntent(Decimal("0.05"), None),)


def test_a_stop_holds_no_more_than_a_market_order_may_sell_and_is_then_left_alone() -> None:
    narrow = rules(market_lot=QuantityRange(Decimal(0), Decimal("0.0300005"), Decimal(0)))
    intents = missing_protection(holding(), Decimal(0), False, PRICE, narrow)
    assert intents == (ProtectIntent(Decimal("0.03"), STOP, TAKE_PROFIT),)
    assert missing_protection(holding(), Decimal("0.03"), False, PRICE, narrow) == ()
    intents = missing_protection(holding(), Decimal(0), False, Decimal(29_500), narrow)
    assert intents == (ExitIntent(Decimal("0.03"), None),)
