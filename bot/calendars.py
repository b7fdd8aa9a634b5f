"""Working time: the hours in which a clock runs, in a time zone, without holidays.

A calendar's hours are wall-clock times of its zone; every length is real seconds. So the day on which the clocks change is an
hour longer or shorter only if the change falls into its hours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from bot.content import Shape
from bot.directory import Zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_DAYS = 3660  # without an hour of work in ten years there is none
Span = tuple[float, float]  # epoch seconds, the end not included


class CalendarFile(Shape):
    """One calendar of `sla.yaml`: hours by weekday (`mon: ["08:00-12:00", "13:00-17:00"]`), days off, whose public holidays."""

    timezone: Zone
    hours: dict[str, list[str]] = Field(min_length=1)
    closed: list[date] = []
    holidays_of: str = ""  # a country, or country-region: DE-BY

    @field_validator("hours")
    @classmethod
    def _hours(cls, hours: dict[str, list[str]]) -> dict[str, list[str]]:
        for day, spans in hours.items():
            if day not in DAYS:
                raise ValueError(f'"{day}" is not a day: {", ".join(DAYS)}')
            ends = [minute for span in spans for minute in _minutes(span)]
            if ends != sorted(set(ends)):
                raise ValueError(f"the hours of {day} overlap or run backwards")
        if not any(hours.values()):
            raise ValueError("a calendar needs an hour of work")
        return hours

    @field_validator("holidays_of")
    @classmethod
    def _country(cls, name: str) -> str:
        import holidays  # noqa: PLC0415 (it is slow to load, and most calendars name no country)

        country, _, region = name.partition("-")
        known = holidays.list_supported_countries(include_aliases=False)
        if name and (country not in known or (region and region not in known[country])):
            raise ValueError(f'the public holidays of "{name}" are not known')
        return name


def _minutes(span: str) -> tuple[int, int]:
    """`"08:00-12:30"` as minutes of the day; `24:00` ends a day. Raises `ValueError`."""
    begin, dash, end = span.partition("-")
    if not dash:
        raise ValueError(f'"{span}" is not a span like 08:00-17:00')
    found = tuple(_minute(part.strip()) for part in (begin, end))
    return found[0], found[1]


def _minute(text: str) -> int:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and len(minute) == 2):
        raise ValueError(f'"{text}" is not a time like 08:00')
    total = 60 * int(hour) + int(minute)
    if int(minute) > 59 or total > 1440:
        raise ValueError(f'"{text}" is not a time of day')
    return total


@dataclass(frozen=True)
class Calendar:
    """When a clock runs. Without hours it always does."""

    zone: str = "UTC"
    hours: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)  # weekday → minutes of the day
    closed: frozenset[date] = frozenset()
    country: str = ""

    @classmethod
    def of(cls, file: CalendarFile) -> Calendar:
        hours = {DAYS.index(day): tuple(_minutes(span) for span in spans) for day, spans in file.hours.items()}
        return cls(file.timezone, hours, frozenset(file.closed), file.holidays_of)

    def add(self, start: float, seconds: float) -> float:
        """The moment at which `seconds` of working time have gone by since `start`; `inf` if they never do."""
        if not self.hours:
            return start + seconds
        left = seconds
        for opens, closes in self._spans(start):
            begin = max(opens, start)
            if closes - begin >= left:
                return begin + left
            left -= closes - begin
        return float("inf")

    def between(self, start: float, end: float) -> float:
        """Working seconds from `start` to `end`."""
        if not self.hours:
            return max(0.0, end - start)
        total = 0.0
        for opens, closes in self._spans(start):
            if opens >= end:
                break
            total += max(0.0, min(closes, end) - max(opens, start))
        return total

    def works(self, day: date) -> bool:
        """Whether there is an hour of work on a day; without hours on all but the weekend."""
        return bool(self._day(day)) if self.hours else day.weekday() < 5

    def onward(self, day: date) -> date:
        """The day, or the next one on which there is work."""
        return next(found for count in range(MOST_DAYS) if self.works(found := day + timedelta(days=count)))

    def back(self, day: date, count: int) -> date:
        """So many working days before a day."""
        return self._far(day, count, -1)

    def ahead(self, day: date, count: int) -> date:
        """So many working days after a day."""
        return self._far(day, count, 1)

    def _far(self, day: date, count: int, way: int) -> date:
        for _ in range(MOST_DAYS):
            if count <= 0:
                break
            day += timedelta(days=way)
            count -= self.works(day)
        return day

    def _spans(self, start: float) -> Iterator[Span]:
        """Spans of work that end after `start`, in order."""
        zone = ZoneInfo(self.zone)
        day = datetime.fromtimestamp(start, UTC).astimezone(zone).date() - timedelta(days=1)
        for offset in range(MOST_DAYS):
            for span in self._day(day + timedelta(days=offset)):
                if span[1] > start:
                    yield span

    def _day(self, day: date) -> Sequence[Span]:
        minutes = self.hours.get(day.weekday(), ())
        if not minutes or day in self.closed or (self.country and day in _holidays(self.country, day.year)):
            return ()
        return tuple((_moment(self.zone, day, begin), _moment(self.zone, day, end)) for begin, end in minutes)


ALWAYS = Calendar()


@lru_cache(maxsize=4096)
def _moment(zone: str, day: date, minute: int) -> float:
    """Epoch seconds of a wall-clock time. One that the clocks skip is the moment at which they do; of two, the first."""
    day, minute = (day + timedelta(days=1), 0) if minute == 1440 else (day, minute)
    local = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(zone))
    back = local.astimezone(UTC).astimezone(ZoneInfo(zone))
    if back.replace(tzinfo=None) == local.replace(tzinfo=None):
        return local.timestamp()
    return _jump(zone, local.timestamp())


def _jump(zone: str, near: float) -> float:
    """The moment within a day of `near` at which the clocks go forward."""

    def offset(at: int) -> timedelta | None:
        return datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset()

    low, high = int(near) - 43_200, int(near) + 43_200
    before = offset(low)
    return float(low + bisect_right(range(low, high), False, key=lambda at: offset(at) != before))


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415

    name, _, region = country.partition("-")
    return frozenset(holidays.country_holidays(name, subdiv=region or None, years=year))
