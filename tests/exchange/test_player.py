"""The market clock: four ticks along the bar's path, the final bar, the next bar."""

import asyncio

import pytest

from tradinglab_exchange.candles import Candle, path
from tradinglab_exchange.market import Market, Tick
from tradinglab_exchange.player import Player
from tradinglab_exchange.state import Position

HOUR = 3_600_000
PAST = [Candle(HOUR * i, 100, 101, 99, 100, 4.0) for i in range(1, 4)]
COMING = [
    Candle(HOUR * 4, 100.0, 110.0, 95.0, 105.0, 8.0),
    Candle(HOUR * 5, 105.0, 106.0, 90.0, 92.0, 8.0),
]


class Listening:
    """Writes down what happened."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.klines: list[dict[str, object]] = []

    def is_open(self) -> bool:
        return True

    def takes_place(self) -> bool:
        return True

    def on_tick(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def on_kline(self, event: dict[str, object], closed: bool) -> None:
        kline = event["k"]
        assert isinstance(kline, dict)
        assert kline["x"] is closed
        self.klines.append(kline)


async def played(
    position: Position | None = None, bars: list[Candle] | None = None
) -> tuple[Market, Listening, Player]:
    market, listening = Market("BTCUSDT", "1h", list(PAST)), Listening()
    noted: list[Position] = []
    player = Player(
        market,
        listening,
        iter(COMING if bars is None else bars),
        None,
        0.0,
        position or Position(),
        noted.append,
    )
    released = asyncio.Event()
    released.set()
    await player.run(released)
    return market, listening, player


def test_path_visits_the_far_extreme_first() -> None:
    assert path(COMING[0]) == (100.0, 95.0, 110.0, 105.0)
    assert path(COMING[1]) == (105.0, 106.0, 90.0, 92.0)


async def test_every_bar_is_played_as_its_path_and_then_final() -> None:
    market, listening, _ = await played()
    assert [tick.price for tick in listening.ticks] == [*path(COMING[0]), *path(COMING[1])]
    final = [kline for kline in listening.klines if kline["x"]]
    assert [(kline["t"], kline["h"], kline["v"]) for kline in final] == [
        (HOUR * 4, "110.00000000", "8.00000000"),
        (HOUR * 5, "106.00000000", "8.00000000"),
    ]
    assert market.closed == PAST + COMING


async def test_only_the_opening_of_a_bar_may_gap() -> None:
    _, listening, _ = await played()
    assert [tick.continuous for tick in listening.ticks] == [False, True, True, True] * 2


async def test_market_time_never_goes_back() -> None:
    _, listening, _ = await played()
    times = [tick.time for tick in listening.ticks]
    assert times == sorted(times)


async def test_first_bar_stands_at_its_opening_until_released() -> None:
    market, listening = Market("BTCUSDT", "1h", list(PAST)), Listening()
    player = Player(market, listening, iter(COMING), None, 0.0, Position(), lambda _: None)
    waiting = asyncio.create_task(player.run(asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    assert [tick.price for tick in listening.ticks] == [100.0]
    assert market.bars(None, None, 10)[-1] == (HOUR * 4, 100.0, 100.0, 100.0, 100.0, 2.0)


@pytest.mark.parametrize("ticks", [1, 2, 3, 4])
async def test_resumed_bar_goes_on_with_the_tick_after_the_last_one(ticks: int) -> None:
    _, listening, _ = await played(Position(bars=0, ticks=ticks))
    assert [tick.price for tick in listening.ticks] == [
        *path(COMING[0])[ticks:],
        *path(COMING[1]),
    ]


async def test_ended_market_keeps_a_flat_bar_in_progress() -> None:
    market, _, player = await played()
    assert player.ended
    assert market.bars(None, None, 1) == [Candle(HOUR * 6, 92.0, 92.0, 92.0, 92.0, 0.0)]


def test_bars_are_cut_by_time_and_limit() -> None:
    market = Market("BTCUSDT", "1h", list(PAST))
    times = [candle.open_time // HOUR for candle in market.bars(None, None, 2)]
    assert times == [3, 4]
    assert [c.open_time // HOUR for c in market.bars(HOUR * 2, None, 2)] == [2, 3]
    assert [c.open_time // HOUR for c in market.bars(HOUR * 2, HOUR * 9, 9)] == [2, 3, 4]
    assert [c.open_time // HOUR for c in market.bars(None, HOUR * 3, 9)] == [1, 2, 3]
    assert market.bars(HOUR * 9, None, 9) == []
