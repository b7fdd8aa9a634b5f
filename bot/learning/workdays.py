"""Local time of one person: working days, office hours, public holidays, leave. Pure, apart from the holiday tables.

Everything is reckoned in local dates and wall-clock times and turned into UTC epoch seconds last, so a clock change
moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONDAY, FRIDAY = 0, 4
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """When nudges may arrive, local time. `end` before `start` is a night shift: it ends on the following day."""

    start: time = time(9, 30)
    end: time = time(16, 30)
    monday_start: time = time(10, 30)
    friday_end: time = time(15, 0)
    days: frozenset[int] = frozenset(range(5))  # Monday is 0

    def window(self, day: date) -> tuple[time, time]:
        """The hours of a working day."""
        if self.end <= self.start:
            return self.start, self.end
        start = max(self.start, self.monday_start) if day.weekday() == MONDAY else self.start
        end = min(self.end, self.friday_end) if day.weekday() == FRIDAY else self.end
        return start, max(end, start)


@dataclass(frozen=True)
class Habits:
    """When one person works, where that is their own. `hours` None: the organisation's. `region`: whose public holidays hold."""

    hours: Hours | None = None
    region: str = ""
    leave: tuple[tuple[date, date], ...] = ()


class Holidays(Protocol):
    """Whether a day is a public holiday in a country (`DE`) or a part of one (`DE-BY`)."""

    def __call__(self, region: str, day: date) -> bool: ...


class PublicHolidays:
    """The tables of the `holidays` package, loaded when first asked. A region it does not know has none."""

    def __call__(self, region: str, day: date) -> bool:
        return bool(region) and day in self.year(region.upper(), day.year)

    @staticmethod
    @lru_cache(maxsize=512)
    def year(region: str, year: int) -> frozenset[date]:
        import holidays  # noqa: PLC0415  0.3 s that a start without nudges does not need

        country, _, part = region.partition("-")
        country = {"UK": "GB"}.get(country, country)
        try:
            found = holidays.country_holidays(country, subdiv=part or None, years=year)
        except NotImplementedError:
            return frozenset()
        return frozenset(day for day in found if day.year == year)


def own_hours(days: frozenset[int] | None, hours: tuple[time, time] | None, usual: Hours) -> Hours | None:
    """The hours of somebody with working days or times of their own; None for the usual ones.

    Own times hold on every day: the late Monday and the early Friday are the organisation's.
    """
    if days is None and hours is None:
        return None
    days = usual.days if days is None else days
    if hours is None:
        return replace(usual, days=days)
    return Hours(hours[0], hours[1], hours[0], hours[1], days)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def own_zone(*names: str) -> ZoneInfo:
    """The first of these time zones that there is (a person's, then the organisation's), else UTC."""
    return next((found for found in map(zone, names) if found), ZoneInfo("UTC"))


@lru_cache(maxsize=100_000)
def _instant(zone_: ZoneInfo, day: date, clock: time) -> float:
    """Kept, since a plan asks for the same few hundred days over and over."""
    return datetime.combine(day, clock, zone_).timestamp()


@lru_cache(maxsize=100_000)
def _local_day(zone_: ZoneInfo, at: float) -> date:
    return datetime.fromtimestamp(at, zone_).date()


@dataclass(frozen=True)
class Diary:
    """One person's calendar."""

    zone: ZoneInfo
    hours: Hours
    holiday: Callable[[date], bool]
    leave: tuple[tuple[date, date], ...] = ()  # first and last day

    def day(self, at: float) -> date:
        """The local date of an instant."""
        return _local_day(self.zone, at)

    def at(self, day: date, clock: time = time(0, 0)) -> float:
        """The instant of a local date and time."""
        return _instant(self.zone, day, clock)

    def window(self, day: date) -> tuple[float, float]:
        """First and last instant at which a message may arrive on a day."""
        start, end = self.hours.window(day)
        return self.at(day, start), self.at(day + ONE_DAY if end <= start and self.hours.end <= start else day, end)

    def on_leave(self, day: date) -> date | None:
        """The last day of the leave that covers this day."""
        return max((last for first, last in self.leave if first <= day <= last), default=None)

    def works(self, day: date) -> bool:
        """A working day, no holiday, no leave."""
        return day.weekday() in self.hours.days and not self.holiday(day) and self.on_leave(day) is None

    def after_workdays(self, day: date, count: int, days: frozenset[int]) -> date:
        """The `count`-th working day after a day. `days` are the organisation's: part-time does not make it longer."""
        for _ in range(400):
            day += ONE_DAY
            count -= day.weekday() in days and not self.holiday(day)
            if count <= 0:
                break
        return day
