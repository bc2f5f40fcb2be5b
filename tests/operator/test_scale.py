"""Many models: none waits long, none misses a firing, and at rest nothing is written."""

import random
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.operator.artifacts import store_artifact
from tests.operator.cluster_story import START, Story, tradingmodel

from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.actions import Action
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.schedule import Schedule
from tradinglab_operator.situation import Model, Situation


def add_models(story: Story, number: int, **spec: Any) -> list[str]:
    """Each with its own API and an artifact from before."""
    names = [f"m{each:03d}" for each in range(number)]
    for name in names:
        store_artifact(story.volume, f"lab/{name}", f"{name}-before", START - timedelta(days=1))
        story.api.add_deployment(f"{name}-api")
        story.api.put(
            "tradingmodels", tradingmodel(name, serving={"deployment": f"{name}-api"}, **spec)
        )
    return names


def roll_all(story: Story) -> None:
    for name in story.api.names("deployments"):
        story.api.roll(name)


def test_two_hundred_models_are_reconciled_within_a_minute(story: Story) -> None:
    names = add_models(story, 200)
    begun = time.monotonic()
    story.settle()
    roll_all(story)
    story.settle()
    seconds = time.monotonic() - begun
    ready = [each for each in names if story.condition("Ready", each) == ("True", "Serving")]
    assert len(ready) == 200
    assert seconds < 60, f"{seconds:.1f} s"


def test_twenty_models_at_rest_are_not_written_in_ten_minutes(story: Story) -> None:
    add_models(story, 20)
    story.settle()
    roll_all(story)
    story.settle()
    before = len(story.api.writes)
    for _ in range(40):
        story.pass_time(seconds=15)
        assert story.reconciler.visit() == 0
    assert len(story.api.writes) == before


class Town:
    """Many models in memory, one clock; a training takes twenty minutes."""

    def __init__(self, worlds: list[Any]) -> None:
        self.worlds = {each.name: each for each in worlds}
        self.now = START
        self.reconciler = Reconciler(self, clock=lambda: self.now)
        self.most_at_once = 0

    def observe(self) -> list[Situation]:
        return [each.observe()[0] for each in self.worlds.values()]

    def apply(self, model: Model, action: Action) -> None:
        self.worlds[model.name].apply(model, action)

    def settle(self) -> None:
        for each in self.worlds.values():
            each.now = self.now
        for _ in range(10):
            done = self.reconciler.visit()
            self.most_at_once = max(self.most_at_once, len(self.training()))
            if done == 0:
                return
        raise AssertionError("never at rest")

    def training(self) -> list[Any]:
        return [each for each in self.worlds.values() if each.active]

    def next_instant(self) -> datetime:
        """The next firing of any model, or the end of the training that runs; at most an hour."""
        firings = [each.status.next_schedule_time for each in self.worlds.values()]
        ends = [
            each.runs[each.active[0]].created_at + timedelta(minutes=20) for each in self.training()
        ]
        return min([each for each in firings if each] + ends + [self.now + timedelta(hours=1)])


def passes_a_week(worlds: list[Any], seed: int = 5) -> Town:
    """The operator looks up to five seconds after anything happens, as its tick does."""
    town, late = Town(worlds), random.Random(seed)
    for world in worlds:
        world.add_artifact("a")
        world.ready = True
    town.settle()
    while town.now < START + timedelta(days=7, minutes=30):
        town.now = town.next_instant() + timedelta(seconds=late.uniform(0.1, 5))
        for world in town.training():
            if town.now >= world.runs[world.active[0]].created_at + timedelta(minutes=20):
                world.end_run(letter="b")
        town.settle()
    return town


@pytest.mark.parametrize("models", [12, pytest.param(200, marks=pytest.mark.prove)])
def test_no_firing_is_missed_in_a_week(new_world: Any, models: int) -> None:
    worlds = []
    for number in range(models):
        minute = number * (7 * 24 * 60 // models)
        day, hour = minute // 1440, minute // 60 % 24
        cron = f"{minute % 60} {hour} * * {day}"
        spec = {"market": {"symbol": "BTC/USDT"}, "schedule": {"cron": cron}}
        spec["serving"] = {"deployment": f"api-{number}"}
        worlds.append(new_world(name=f"m{number:03d}", spec=TradingModelSpec.model_validate(spec)))
    town = passes_a_week(worlds)
    for world in worlds:
        firing = Schedule.of(world.spec.schedule).next_after(START)
        assert f"{world.name}-{int(firing.timestamp()) // 60}" in world.runs, world.name
        assert len(world.runs) <= 2, "one run for each firing"
        assert "FiringMissed" not in world.events
    assert town.most_at_once == 1
