"""What goes wrong for one model is told of that model and stops no other."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import ConditionType, TradingModelStatus
from tradinglab_operator.actions import Action, RecordEvent, StartTraining, WriteStatus
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.situation import ArtifactFacts, Model, Run, RunPhase, Situation

NOW = datetime(2024, 1, 3, 12, tzinfo=UTC)


def model(name: str) -> Model:
    document = {"market": {"symbol": "BTC/USDT"}, "serving": {"deployment": name}}
    return Model("lab", name, f"uid-{name}", 1, NOW, TradingModelSpec.model_validate(document))


@dataclass
class TwoModels:
    """`odd` comes first; what is odd about it is given."""

    odd: Situation
    good: Situation = field(default_factory=lambda: Situation(model("good")))
    refuses: type | None = None
    applied: list[tuple[str, Action]] = field(default_factory=list)

    def observe(self) -> list[Situation]:
        return [self.odd, self.good]

    def apply(self, of: Model, action: Action) -> None:
        if of.name == "odd" and self.refuses and isinstance(action, self.refuses):
            raise ValueError("no such thing\nsecond line")
        self.applied.append((of.name, action))
        if isinstance(action, StartTraining) and of.name == "good":
            self.good = replace(self.good, runs=(Run(action.name, RunPhase.ACTIVE, NOW),))
        if isinstance(action, WriteStatus):
            which = "odd" if of.name == "odd" else "good"
            before: Situation = getattr(self, which)
            status = TradingModelStatus.model_validate(
                action.status.model_dump(mode="json", by_alias=True, exclude_none=True)
            )
            setattr(self, which, replace(before, model=replace(before.model, status=status)))

    def status(self, which: Situation) -> tuple[str, str, str]:
        found = which.model.status.condition(ConditionType.DEGRADED)
        assert found is not None
        return found.status.value, found.reason, found.message


def unplannable() -> Situation:
    """An artifact whose time cannot be compared with any other: a defect nobody foresaw."""
    facts: Any = [
        ArtifactFacts("v", "sha256:" + letter * 64, at, "j", True, "First")  # type: ignore[arg-type]
        for letter, at in (("a", NOW), ("b", NOW.replace(tzinfo=None)))
    ]
    return Situation(model("odd"), artifacts=tuple(facts))


@pytest.fixture
def clock() -> Any:
    times = (NOW + timedelta(seconds=each) for each in range(10_000))
    return lambda: next(times)


def visit_often(world: TwoModels, clock: Any, times: int = 8) -> list[int]:
    reconciler = Reconciler(world, clock)
    return [reconciler.visit() for _ in range(times)]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (unplannable(), "TypeError: can't compare"),
        (Situation(model("odd"), unreadable=KeyError("status")), "KeyError: 'status'"),
    ],
    ids=["plan", "observe"],
)
def test_a_defect_of_one_model_is_its_condition_and_no_more(
    odd: Situation, words: str, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world = TwoModels(odd)
    visit_often(world, clock)
    status, reason, message = world.status(world.odd)
    assert (status, reason) == ("True", "InternalError")
    assert message.startswith(words)
    assert len(world.odd.model.status.conditions) == 6
    assert [each for name, each in world.applied if name == "odd"] == [
        WriteStatus(world.odd.model.status),
        RecordEvent("InternalError", message, True),
    ], "told once, then silence"
    assert any(name == "good" and isinstance(each, StartTraining) for name, each in world.applied)
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_a_defect_leaves_what_was_known_and_recovers(clock: Any) -> None:
    world = TwoModels(Situation(model("odd")))
    visit_often(world, clock, 2)
    before = world.odd.model.status
    world.odd = replace(unplannable(), model=world.odd.model)
    visit_often(world, clock, 2)
    after = world.odd.model.status
    assert after.condition(ConditionType.READY) == before.condition(ConditionType.READY)
    assert after.observed_generation == before.observed_generation
    world.odd = Situation(world.odd.model)
    visit_often(world, clock, 2)
    assert world.status(world.odd)[:2] == ("False", "AsExpected")


def test_a_first_visit_that_fails_starts_nothing_unasked_later(clock: Any) -> None:
    world = TwoModels(unplannable())
    visit_often(world, clock, 2)
    assert world.odd.model.status.retry_token is None
    assert world.odd.model.status.observed_generation is None


def test_an_action_that_fails_unforeseen_is_told_and_stops_no_other_model(
    clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world = TwoModels(Situation(model("odd")), refuses=StartTraining)
    visits = visit_often(world, clock)
    told = [each for name, each in world.applied if name == "odd" and isinstance(each, RecordEvent)]
    assert RecordEvent("InternalError", "ValueError: no such thing", True) in told
    assert any(name == "good" and isinstance(each, StartTraining) for name, each in world.applied)
    assert sum(record.exc_info is not None for record in caplog.records) == 1
    assert visits[-3:] == [0, 0, 0], "at rest: the odd one waits behind the good one"
