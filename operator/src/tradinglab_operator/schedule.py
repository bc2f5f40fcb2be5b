"""When a training is due: five cron fields in an IANA time zone, as a CronJob understands them.

Called by the plan and by the manifest check. Pure: the instant is an argument.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tradinglab.errors import ConfigurationError
from tradinglab.resource.spec import ScheduleSpec

# More than any zone moves its clocks at once.
CLOCK_CHANGE = timedelta(hours=3)
MOST_COUNTED = 100


@dataclass(frozen=True)
class Schedule:
    """One cron expression in one zone. Instants in and out are UTC.

    A firing within the hour that the clocks skip comes at that hour's end; one within the hour
    that they repeat comes once, at the first.
    """

    cron: str
    zone: ZoneInfo
    starting_deadline: timedelta
    suspended: bool

    @classmethod
    def of(cls, spec: ScheduleSpec) -> "Schedule":
        """Raises ConfigurationError that names the field of the spec that is no schedule."""
        try:
            zone = ZoneInfo(spec.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(
                f"spec.schedule.timeZone is {spec.time_zone!r}, expected an IANA time zone such as "
                "Europe/Berlin"
            ) from None
        try:
            next(CronSim(spec.cron, datetime.now(UTC).astimezone(zone)))
        except CronSimError as error:
            raise ConfigurationError(
                f"spec.schedule.cron is {spec.cron!r}, expected five cron fields: {error}"
            ) from None
        except StopIteration:
            raise ConfigurationError(
                f"spec.schedule.cron is {spec.cron!r}, which never comes"
            ) from None
        return cls(spec.cron, zone, timedelta(seconds=spec.starting_deadline_seconds), spec.suspend)

    def next_after(self, instant: datetime) -> datetime:
        """The first firing after `instant`."""
        # Local time runs twice through the hour in which the clocks go back; the library then
        # answers with the first of the two, which may have passed.
        firings = (each.astimezone(UTC) for each in self._firings(instant, backwards=False))
        return next(firing for firing in firings if firing > instant)

    def latest_until(self, instant: datetime) -> datetime | None:
        """The last firing at or before `instant`; None if it never came."""
        firings = (
            each.astimezone(UTC) for each in self._firings(instant + CLOCK_CHANGE, backwards=True)
        )
        return next((firing for firing in firings if firing <= instant), None)

    def _firings(self, start: datetime, *, backwards: bool) -> CronSim:
        return CronSim(self.cron, start.astimezone(self.zone), reverse=backwards)

    def due(self, since: datetime, now: datetime) -> datetime | None:
        """The firing to run at `now`, if there is one.

        `since` is the last firing that was run, or the resource's creation. However many firings
        were missed, at most the latest is made up for, and only within the starting deadline.
        """
        if self.suspended:
            return None
        latest = self.latest_until(now)
        if latest is None or latest <= since or now - latest > self.starting_deadline:
            return None
        return latest

    def missed(self, since: datetime, now: datetime) -> tuple[datetime | None, int]:
        """The last firing after `since` that cannot be run any more, and how many there are, a
        hundred at most. What is due, or within its deadline while suspended, is not missed."""
        last, count = None, 0
        newest = True
        previous = None
        for each in self._firings(now + CLOCK_CHANGE, backwards=True):
            firing = each.astimezone(UTC)
            if firing > now or firing == previous:
                continue
            previous = firing
            if firing <= since or count == MOST_COUNTED:
                break
            if newest and now - firing <= self.starting_deadline:
                newest = False
                continue
            newest = False
            last, count = last or firing, count + 1
        return last, count
