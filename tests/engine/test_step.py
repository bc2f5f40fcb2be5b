"""One step of the engine: which reason, which intents."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.engine.situations import (
    DOWN,
    EVEN,
    HOUR,
    NOW,
    bar,
    facts,
    flat,
    forecast,
    holding,
    resting,
    rules,
)

from tradinglab.domain.filters import QuantityRange
from tradinglab.domain.forecast import Verdict
from tradinglab.domain.order import CancelIntent, CancelTarget, EnterIntent, ExitIntent, Leg
from tradinglab.engine.decision import Reason
from tradinglab.engine.policy import Policy
from tradinglab.engine.state import ClosedTrade, EngineState, TradingMode
from tradinglab.engine.step import step

POLICY = Policy()


def test_a_strong_forecast_enters_with_stop_and_take_profit_at_their_atr_distances() -> None:
    state, decision = step(flat(), bar(), forecast(), facts(), POLICY)
    assert decision.reason is Reason.ENTER
    (intent,) = decision.intents
    assert isinstance(intent, EnterIntent)
    distance = Decimal(repr(2 * state.indicators.average_true_range))
    assert abs(intent.limit_price - intent.stop_price - distance) <= Decimal("0.01")
    assert abs(intent.take_profit_price - intent.limit_price - 2 * distance) <= Decimal("0.01")
    assert state.entry is not None
    assert state.entry.limit_price == intent.limit_price <= Decimal(30_000)


def test_what_is_protected_is_what_remains_after_a_fee_taken_in_the_base_asset() -> None:
    _, decision = step(flat(), bar(), forecast(), facts(), POLICY)
    (intent,) = decision.intents
    assert isinstance(intent, EnterIntent)
    assert intent.protected_quantity <= intent.quantity * Decimal("0.999")
    assert intent.protected_quantity > intent.quantity * Decimal("0.998")


def test_no_position_is_opened_when_the_edge_does_not_cover_costs() -> None:
    _, decision = step(flat(), bar(), forecast(EVEN), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.NO_EDGE, ())
    assert "net -0.2" in decision.explanation


def test_no_position_is_opened_without_a_forecast() -> None:
    _, decision = step(flat(), bar(), None, facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.FORECAST_MISSING, ())


def test_a_forecast_of_the_bar_before_is_stale_at_this_bars_close() -> None:
    _, decision = step(flat(), bar(), forecast(bars_on=-1), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.FORECAST_STALE, ())


@pytest.mark.parametrize("verdict", [Verdict.UNPROVEN, Verdict.NO_SKILL])
def test_a_policy_that_requires_a_tradeable_artifact_opens_nothing_on_another(
    verdict: Verdict,
) -> None:
    policy = Policy(require_tradeable=True)
    _, decision = step(flat(), bar(), forecast(), facts(verdict), policy)
    assert (decision.reason, decision.intents) == (Reason.NOT_TRADEABLE, ())
    _, allowed = step(flat(), bar(), forecast(), facts(Verdict.TRADEABLE), policy)
    assert allowed.reason is Reason.ENTER


def test_nothing_is_opened_on_a_bar_that_is_not_the_newest() -> None:
    _, decision = step(flat(), bar(), forecast(), facts(behind=True), POLICY)
    assert (decision.reason, decision.intents) == (Reason.BEHIND, ())


def test_nothing_is_opened_on_a_bar_that_closed_too_long_ago() -> None:
    limit = int(POLICY.entry_max_age_fraction * HOUR)
    for age, reason in ((limit, Reason.ENTER), (limit + 1, Reason.LATE)):
        aged = replace(facts(), age_milliseconds=age)
        _, decision = step(flat(), bar(), forecast(), aged, POLICY)
        assert decision.reason is reason
    aged = replace(facts(), age_milliseconds=10 * HOUR)
    _, sold = step(holding(), bar(29_000.0), forecast(DOWN), aged, POLICY)
    assert sold.reason is Reason.EXIT


def test_nothing_is_done_while_orders_and_fills_are_unknown() -> None:
    unknown = replace(facts(), reconciled=False)
    for state in (flat(), flat(entry=resting()), holding()):
        _, decision = step(state, bar(29_000.0), forecast(DOWN), unknown, POLICY)
        assert (decision.reason, decision.intents) == (Reason.UNRECONCILED, ())


def test_size_counts_only_the_capital_the_bot_may_use() -> None:
    _, free = step(flat(), bar(), forecast(), facts(), POLICY)
    _, capped = step(flat(), bar(), forecast(), facts(), Policy(capital_quote=1_000))
    (whole,), (tenth,) = free.intents, capped.intents
    assert isinstance(whole, EnterIntent)
    assert isinstance(tenth, EnterIntent)
    assert tenth.quantity <= whole.quantity / 10


def test_nothing_is_opened_before_the_true_range_has_enough_bars() -> None:
    _, decision = step(EngineState(quote=Decimal(100)), bar(), forecast(), facts(), POLICY)
    assert decision.reason is Reason.WARMING_UP


def test_an_account_too_small_for_the_minimum_notional_skips_the_entry() -> None:
    small = flat(quote=Decimal(10), peak_equity=10.0)
    _, decision = step(small, bar(), forecast(), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.TOO_SMALL, ())
    assert "NOTIONAL" in decision.explanation or "LOT_SIZE" in decision.explanation


def test_a_halted_symbol_is_not_entered() -> None:
    closed = facts(symbol_rules=rules(trading=False))
    _, decision = step(flat(), bar(), forecast(), closed, POLICY)
    assert decision.reason is Reason.FILTERED


def closed_trade(profit: str, leg: Leg) -> ClosedTrade:
    return ClosedTrade(
        opened_bar=NOW - 5 * HOUR,
        closed_time=NOW - 1,
        quantity=Decimal("0.05"),
        entry_price=Decimal(30_000),
        exit_price=Decimal(29_600),
        cost_quote=Decimal(1_500),
        proceeds_quote=Decimal(1_500) + Decimal(profit),
        profit=Decimal(profit),
        exit_leg=leg,
    )


def test_a_loss_starts_a_cooldown_that_blocks_the_next_entry() -> None:
    state = flat(unsettled=(closed_trade("-20", Leg.STOP),))
    state, decision = step(state, bar(), forecast(), facts(), POLICY)
    assert decision.reason is Reason.COOLING_DOWN
    assert state.consecutive_losses == 1
    assert state.cooldown_until == NOW + 3 * HOUR
    state, decision = step(state, bar(bars_on=3), forecast(bars_on=3), facts(), POLICY)
    assert decision.reason is Reason.ENTER


def test_a_gain_resets_the_count_of_losses() -> None:
    state = flat(consecutive_losses=3, unsettled=(closed_trade("20", Leg.TAKE_PROFIT),))
    state, _ = step(state, bar(), forecast(), facts(), POLICY)
    assert (state.consecutive_losses, state.closed_trades) == (0, 1)


def test_four_stops_within_a_day_lock_entries_for_four_bars() -> None:
    state = flat(
        stop_times=(NOW - 3 * HOUR, NOW - 2 * HOUR, NOW - HOUR),
        unsettled=(closed_trade("-1", Leg.STOP),),
    )
    state, _ = step(state, bar(), forecast(), facts(), Policy(cooldown_bars=0.1))
    assert state.cooldown_until == NOW + 4 * HOUR


def test_an_unfilled_entry_is_taken_back_at_the_next_close_and_may_be_replaced() -> None:
    state, decision = step(flat(entry=resting()), bar(), forecast(), facts(), POLICY)
    assert decision.intents[0] == CancelIntent(CancelTarget.ENTRY)
    assert isinstance(decision.intents[1], EnterIntent)
    assert state.entry is not None
    assert state.entry.bar_open_time == NOW


def test_an_unfilled_entry_is_taken_back_without_a_forecast_too() -> None:
    _, decision = step(flat(entry=resting()), bar(), None, facts(), POLICY)
    assert decision.reason is Reason.FORECAST_MISSING
    assert decision.intents == (CancelIntent(CancelTarget.ENTRY),)


def test_an_entry_within_its_patience_keeps_resting() -> None:
    patient = Policy(entry_patience_bars=3)
    state, decision = step(flat(entry=resting()), bar(), forecast(), facts(), patient)
    assert (decision.reason, decision.intents) == (Reason.ENTRY_RESTING, ())
    assert state.entry == resting()


def test_a_position_is_held_while_the_forecast_stays_bullish() -> None:
    _, decision = step(holding(), bar(), forecast(), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.HOLDING, ())


def test_a_bearish_forecast_sells_in_place_of_the_protection() -> None:
    bearish = forecast(DOWN, momentum=-1.0)
    _, decision = step(holding(), bar(29_800.0), bearish, facts(), POLICY)
    assert decision.reason is Reason.EXIT
    (sale,) = decision.intents
    assert isinstance(sale, ExitIntent)
    assert sale.quantity == Decimal("0.05")
    assert sale.limit_price is not None
    assert sale.limit_price < Decimal(29_800)


def test_the_greatest_urgency_sells_at_the_market() -> None:
    bearish = forecast(DOWN, momentum=-4.0)
    _, decision = step(holding(), bar(29_000.0), bearish, facts(), POLICY)
    (sale,) = decision.intents
    assert sale == ExitIntent(Decimal("0.05"), None)


def test_a_sale_at_the_market_keeps_to_the_lot_of_market_orders() -> None:
    narrow = rules(market_lot=QuantityRange(Decimal(0), Decimal("0.0300005"), Decimal(0)))
    bearish = forecast(DOWN, momentum=-4.0)
    _, decision = step(holding(), bar(29_000.0), bearish, facts(symbol_rules=narrow), POLICY)
    assert decision.intents[0] == ExitIntent(Decimal("0.03"), None)
    fallen = holding().model_copy(update={"peak_equity": 12_000.0})
    _, decision = step(fallen, bar(29_900.0), forecast(), facts(symbol_rules=narrow), POLICY)
    assert decision.reason is Reason.REDUCING
    assert decision.intents[0] == ExitIntent(Decimal("0.03"), None)


def test_no_more_is_bought_than_its_stop_can_sell() -> None:
    narrow = rules(market_lot=QuantityRange(Decimal(0), Decimal("0.0100005"), Decimal(0)))
    _, decision = step(flat(), bar(), forecast(), facts(symbol_rules=narrow), POLICY)
    (intent,) = decision.intents
    assert isinstance(intent, EnterIntent)
    assert intent.quantity == Decimal("0.01")


def test_what_is_too_small_to_sell_is_not_sent_to_be_refused() -> None:
    fallen = holding("0.0001").model_copy(update={"peak_equity": 12_000.0})
    _, decision = step(fallen, bar(29_900.0), forecast(), facts(), POLICY)
    assert (decision.reason, decision.intents) == (Reason.REDUCING, ())


def test_a_part_is_never_sold_that_leaves_a_rest_too_small_to_sell() -> None:
    undecided = forecast((0.1, 0.15, 0.25, 0.5), momentum=-1.0)
    _, decision = step(holding("0.0003"), bar(), undecided, facts(), POLICY)
    assert 0.25 < decision.numbers["fraction_to_sell"] < 1
    (sale,) = decision.intents
    assert isinstance(sale, ExitIntent)
    assert sale.quantity == Decimal("0.0003")


def test_the_drawdown_limit_sells_the_position_then_halts_until_a_person_resumes() -> None:
    state = holding(quantity="0.05", dust=Decimal(0)).model_copy(update={"peak_equity": 12_000.0})
    state, decision = step(state, bar(29_900.0), forecast(), facts(), POLICY)
    assert decision.reason is Reason.REDUCING
    assert ExitIntent(Decimal("0.05"), None) in decision.intents
    sold = state.model_copy(update={"position": None, "quote": Decimal(9_990)})
    state, decision = step(sold, bar(bars_on=1), forecast(bars_on=1), facts(), POLICY)
    assert (decision.reason, state.mode) == (Reason.HALTED, TradingMode.HALTED)
    resumed = state.resumed(9_990.0)
    _, decision = step(resumed, bar(bars_on=2), forecast(bars_on=2), facts(), POLICY)
    assert decision.reason is Reason.ENTER


def test_the_same_inputs_give_the_same_decision() -> None:
    first = step(flat(), bar(), forecast(), facts(), POLICY)
    assert first == step(flat(), bar(), forecast(), facts(), POLICY)


def test_the_state_survives_its_journey_through_json() -> None:
    state, _ = step(holding(entry=resting()), bar(), forecast(), facts(), POLICY)
    assert EngineState.model_validate_json(state.model_dump_json()) == state
