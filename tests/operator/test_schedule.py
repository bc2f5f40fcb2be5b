"""Schedules: what is due when, over both changes of the clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradinglab.errors import ConfigurationError
from tradinglab.resource.spec import ScheduleSpec
from tradinglab_operator.schedule import Schedule

CRONS = ("0 3 * * 0", "30 2 * * *", "*/15 * * * *", "0 0 1 * *", "0 1,2,3 * * *", "5 4 * * MON-FRI")
ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


def schedule(cron: str, zone: str = "Etc/UTC", **changes: object) -> Schedule:
    return Schedule.of(ScheduleSpec.model_validate({"cron": cron, "timeZone": zone, **changes}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


unhurried = settings(deadline=None)  # how long an example takes says nothing on a shared machine
schedules = st.builds(schedule, st.sampled_from(CRONS), st.sampled_from(ZONES))
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@unhurried
@given(schedules, instants)
def test_the_next_firing_is_later_and_nothing_lies_between(plan: Schedule, now: datetime) -> None:
    following = plan.next_after(now)
    assert following > now
    assert plan.latest_until(following) == following
    before = plan.latest_until(following - timedelta(seconds=1))
    assert before is not None and before <= now


@unhurried
@given(schedules, instants, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_however_long_it_was_down_at_most_the_latest_firing_is_due(
    plan: Schedule, since: datetime, down: timedelta
) -> None:
    now = since + down
    due = plan.due(since, now)
    if due is not None:
        assert since < due <= now
        assert now - due <= plan.starting_deadline
        assert plan.due(due, now) is None, "it would run twice"


@unhurried
@given(schedules, instants)
def test_ticking_through_a_day_runs_each_firing_once(plan: Schedule, start: datetime) -> None:
    ran: list[datetime] = []
    since = start
    for minute in range(0, 26 * 60, 7):
        due = plan.due(since, start + timedelta(minutes=minute))
        if due is not None:
            ran.append(due)
            since = due
    assert len(ran) == len(set(ran))
    assert ran == sorted(ran)


def test_a_firing_in_the_skipped_hour_comes_at_its_end() -> None:
    plan = schedule("30 2 * * *", "Europe/Berlin")
    assert plan.next_after(at("2024-03-30T12:00")) == at("2024-03-31T01:00")
    assert plan.next_after(at("2024-03-31T01:00")) == at("2024-04-01T00:30")


def test_a_firing_in_the_repeated_hour_comes_once() -> None:
    plan = schedule("30 2 * * *", "Europe/Berlin")
    first = plan.next_after(at("2024-10-26T12:00"))
    assert first == at("2024-10-27T00:30")
    assert plan.next_after(first) == at("2024-10-28T01:30")
    assert plan.next_after(at("2024-10-27T01:10")) == at("2024-10-28T01:30")
    assert plan.latest_until(at("2024-10-27T01:10")) == first


def test_a_weekly_firing_keeps_its_local_hour_over_the_change() -> None:
    plan = schedule("0 3 * * 0", "Europe/Berlin")
    firings = [plan.next_after(at("2024-03-20T00:00"))]
    firings += [plan.next_after(firings[-1])]
    berlin = [each.astimezone(ZoneInfo("Europe/Berlin")).hour for each in firings]
    assert firings == [at("2024-03-24T02:00"), at("2024-03-31T01:00")]
    assert berlin == [3, 3]


def test_nothing_is_due_later_than_the_starting_deadline() -> None:
    plan = schedule("0 3 * * 0", startingDeadlineSeconds=600)
    since = at("2024-01-01T00:00")
    assert plan.due(since, at("2024-01-07T03:10")) == at("2024-01-07T03:00")
    assert plan.due(since, at("2024-01-07T03:11")) is None


def test_nothing_is_due_while_suspended() -> None:
    assert schedule("* * * * *", suspend=True).due(at("2024-01-01T00:00"), at("2024-01-02")) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"timeZone": "Mars/Olympus"}, "spec.schedule.timeZone is 'Mars/Olympus'"),
        ({"timeZone": "Europe"}, "spec.schedule.timeZone is 'Europe'"),
        ({"cron": "61 3 * * 0"}, "spec.schedule.cron is '61 3 \\* \\* 0'"),
        ({"cron": "0 0 30 2 *"}, "spec.schedule.cron"),
    ],
)
def test_an_impossible_schedule_is_refused_by_field(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Schedule.of(ScheduleSpec.model_validate(changes))
