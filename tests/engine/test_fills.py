"""How executions change the engine's state."""

from decimal import Decimal

from tests.engine.situations import NOW, flat, holding, resting, rules

from tradinglab.domain.order import Fill, Leg, Origin, Side
from tradinglab.engine.state import apply_fill

ENTRY = Origin(Leg.ENTRY, NOW, Decimal(29_600), Decimal(30_800))
STOP = Origin(Leg.STOP, NOW)


def fill(side: Side, quantity: str, price: str, commission: str, asset: str) -> Fill:
    return Fill(
        trade_id=1,
        exchange_order_id=1,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        commission=Decimal(commission),
        commission_asset=asset,
        time=NOW,
        is_maker=True,
    )


def test_a_fee_in_the_base_asset_reduces_what_is_held() -> None:
    bought = fill(Side.BUY, "0.01", "30000", "0.00001", "BTC")
    state, trade = apply_fill(flat(), bought, ENTRY, rules())
    assert trade is None
    assert state.position is not None
    assert state.position.quantity == Decimal("0.00999")
    assert state.quote == Decimal(9_700)


def test_a_fee_in_the_quote_asset_is_part_of_the_cost() -> None:
    bought = fill(Side.BUY, "0.01", "30000", "0.3", "USDT")
    state, _ = apply_fill(flat(), bought, ENTRY, rules())
    assert state.position is not None
    assert state.position.cost_quote == Decimal("300.3")
    assert state.quote == Decimal("9699.7")


def test_a_fee_in_a_third_asset_changes_neither() -> None:
    bought = fill(Side.BUY, "0.01", "30000", "0.001", "BNB")
    state, _ = apply_fill(flat(), bought, ENTRY, rules())
    assert state.position is not None
    assert state.position.quantity == Decimal("0.01")
    assert state.quote == Decimal(9_700)


def test_a_partial_sale_keeps_the_position_open_and_the_last_one_closes_it() -> None:
    part = fill(Side.SELL, "0.02", "29600", "0.592", "USDT")
    state, trade = apply_fill(holding(), part, STOP, rules())
    assert trade is None
    rest = fill(Side.SELL, "0.03", "29600", "0.888", "USDT")
    state, trade = apply_fill(state, rest, STOP, rules())
    assert state.position is None
    assert trade is not None
    assert trade.exit_leg is Leg.STOP
    assert trade.profit == Decimal("0.05") * -400 - Decimal("1.48")
    assert state.unsettled == (trade,)


def test_what_is_too_small_to_sell_becomes_dust_and_still_counts_as_equity() -> None:
    bought = fill(Side.BUY, "0.01234", "30000", "0.00001234", "BTC")
    state, _ = apply_fill(flat(), bought, ENTRY, rules())
    sold = fill(Side.SELL, "0.01232", "31000", "0.38192", "USDT")
    state, trade = apply_fill(state, sold, STOP, rules())
    assert trade is not None
    assert state.dust == Decimal("0.00000766")
    assert state.equity(Decimal(31_000)) == Decimal(10_000) + trade.profit


def test_an_entry_keeps_the_levels_of_the_order_that_was_filled() -> None:
    bought = fill(Side.BUY, "0.01", "30000", "0", "USDT")
    state, _ = apply_fill(flat(), bought, ENTRY, rules())
    assert state.position is not None
    assert state.position.stop_price == ENTRY.stop_price
    assert state.position.opened_bar == ENTRY.bar_open_time


def test_money_paid_in_is_not_profit_and_moves_the_peak() -> None:
    state = flat().with_quote(Decimal(12_000))
    assert state.peak_equity == 12_000.0


def test_an_entry_that_ends_with_too_little_bought_leaves_dust_and_no_position() -> None:
    bought = fill(Side.BUY, "0.00016", "30000", "0.00000016", "BTC")
    state, _ = apply_fill(flat(entry=resting()), bought, ENTRY, rules())
    ended = state.entry_ended(rules())
    assert (ended.entry, ended.position) == (None, None)
    assert ended.dust == Decimal("0.00015984")
    assert ended.equity(Decimal(30_000)) == state.equity(Decimal(30_000))


def test_an_entry_that_ends_with_enough_bought_leaves_the_position() -> None:
    bought = fill(Side.BUY, "0.0002", "30000", "0.0000002", "BTC")
    state, _ = apply_fill(flat(entry=resting()), bought, ENTRY, rules())
    assert state.entry_ended(rules()) == state.without_entry()


def test_what_is_left_of_a_position_sold_in_part_is_never_swept_away() -> None:
    part = fill(Side.SELL, "0.04983", "30000", "0", "USDT")
    state, trade = apply_fill(holding(), part, Origin(Leg.EXIT, NOW), rules())
    assert trade is None
    assert state.entry_ended(rules()).position == state.position


def test_coins_given_up_leave_the_rest_at_its_price_and_are_no_loss_of_trading() -> None:
    state = holding("0.05", dust=Decimal("0.00001")).with_base(Decimal("0.03"), rules())
    assert state.position is not None
    assert state.position.quantity == state.base == Decimal("0.03")
    assert state.position.entry_price == Decimal(30_000)
    sold = fill(Side.SELL, "0.03", "30100", "0", "USDT")
    _, trade = apply_fill(state, sold, STOP, rules())
    assert trade is not None
    assert trade.profit == 3
