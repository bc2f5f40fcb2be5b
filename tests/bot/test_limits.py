"""Hard limits and the kill switch: what the engine wants is not enough to be sent."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.bot.account import MemoryBroker

from tradinglab.domain.order import EnterIntent
from tradinglab.errors import OrderRejected
from tradinglab.ports.broker import OrderIds
from tradinglab_bot.limits import HardLimits, KillSwitch, LimitedBroker

IDS = OrderIds("tl-1-e", "tl-1-t", "tl-1-s", "tl-1-l")


def entry(quantity: str) -> EnterIntent:
    amount = Decimal(quantity)
    return EnterIntent(amount, Decimal(30_000), amount, Decimal(29_000), Decimal(32_000))


def limited(
    tmp_path: Path, held: str = "0", today: str = "0", **limits: int
) -> tuple[LimitedBroker, MemoryBroker]:
    inner = MemoryBroker()
    values = {name: Decimal(value) for name, value in limits.items()}
    switch = KillSwitch(tmp_path / "kill", tmp_path / "annotation")
    broker = LimitedBroker(inner, HardLimits(**values), switch, lambda: Decimal(today))
    broker.held_quote = lambda price: Decimal(held) * price
    return broker, inner


@pytest.mark.parametrize(
    ("limits", "held", "today", "named"),
    [
        ({"order_quote": 200}, "0", "0", "order of 300.00"),
        ({"position_quote": 1_000}, "0.03", "0", "position of 1200.00"),
        ({"day_quote": 500}, "0", "600", "day of 600"),
    ],
)
async def test_an_entry_beyond_a_hard_limit_is_not_sent(
    limits: dict[str, int], held: str, today: str, named: str, tmp_path: Path
) -> None:
    broker, inner = limited(tmp_path, held, today, **limits)
    with pytest.raises(OrderRejected, match=named):
        await broker.enter(entry("0.01"), IDS)
    assert inner.orders == {}


async def test_an_entry_within_every_limit_is_sent(tmp_path: Path) -> None:
    broker, inner = limited(
        tmp_path, "0.01", "300", order_quote=300, position_quote=600, day_quote=300
    )
    await broker.enter(entry("0.01"), IDS)
    assert len(inner.entries()) == 1


@pytest.mark.parametrize("name", ["kill", "annotation"])
async def test_nothing_is_bought_while_the_kill_switch_is_pulled(name: str, tmp_path: Path) -> None:
    broker, inner = limited(tmp_path)
    (tmp_path / name).write_text("stop")
    with pytest.raises(OrderRejected, match="kill switch"):
        await broker.enter(entry("0.01"), IDS)
    (tmp_path / name).unlink()
    await broker.enter(entry("0.01"), IDS)
    assert len(inner.entries()) == 1


async def test_a_kill_switch_that_cannot_be_read_counts_as_pulled(tmp_path: Path) -> None:
    broker, inner = limited(tmp_path)
    (tmp_path / "annotation").mkdir()
    with pytest.raises(OrderRejected, match="cannot be read"):
        await broker.enter(entry("0.01"), IDS)
    assert inner.orders == {}


async def test_an_annotation_that_is_gone_leaves_an_empty_file_that_stops_nothing(
    tmp_path: Path,
) -> None:
    broker, inner = limited(tmp_path)
    (tmp_path / "annotation").write_text("\n")
    await broker.enter(entry("0.01"), IDS)
    assert len(inner.entries()) == 1
