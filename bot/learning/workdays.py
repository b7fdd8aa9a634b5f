"""Local time of one person: working days, office hours, public holidays, leave. Pure, apart from the holiday tables.

Everything is reckoned in local dates and wall-clock times and turned into UTC epoch seconds last, so a clock change
moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@dataclass(frozen=True)
class Diary:
    """One person's calendar."""

    zone: ZoneInfo
    hours: Hours
    holiday: Callable[[date], bool]
    leave: tuple[tuple[date, date], ...] = ()  # first and last day

    def day(self, at: float) -> date:
        """The local date of an instant."""
        return datetime.fromtimestamp(at, self.zone).date()

    def at(self, day: date, clock: time = time(0, 0)) -> float:
        """The instant of a local date and time."""
        return datetime.combine(day, clock, self.zone).timestamp()

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
